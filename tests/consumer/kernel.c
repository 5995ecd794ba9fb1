/* SPDX-License-Identifier: MIT */
/*
 * kernel.c: the smallest kernel that uses Quarry, built by every consumer in this folder.
 *
 * One range of memory, identity-mapped, and the hooks of the profile. On x86_64 it can run as a
 * process of Linux: interrupts are never masked then (consumer_os.h), RAM is an array, and the
 * machine is two system calls. On other machines it is only linked.
 */
#include <quarry/quarry.h>

#define RAM_BYTES (8ul << 20)

static unsigned char ram[RAM_BYTES] __attribute__((aligned(4096)));

int kernel_main(void);
void start(void);
unsigned long kernel_irq_saves;
#ifdef CONSUMER_CXX
int cxx_main(void);
#endif

/* ---- the machine ------------------------------------------------------------------------------
 * */

static long machine_call(long number, long a, long b, long c)
{
#ifdef __x86_64__
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number == 64 ? 1l : 60l), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
#else
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a7 __asm__("a7") = number;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
	return a0;
#endif
}

static void machine_print(const char *text)
{
	long n = 0;
	while (text[n])
		n++;
	machine_call(64, 1, (long)(uintptr_t)text, n);
}

QUARRY_NORETURN static void machine_stop(int status)
{
	for (;;)
		machine_call(93, status, 0, 0);
}

/* ---- hooks ------------------------------------------------------------------------------------
 * */

void quarry_os_log(int level, const char *line)
{
	(void)level;
	machine_print(line);
	machine_print("\n");
}

void quarry_os_panic(const char *why)
{
	machine_print(why);
	machine_print("\n");
	machine_stop(2);
}

#if QUARRY_MAX_CPUS > 1
static unsigned long task_word;

unsigned quarry_os_cpu(void)
{
	return 0;
}
void quarry_os_pin(void)
{
}
void quarry_os_unpin(void)
{
}
void quarry_os_call_others(void (*fn)(void *arg), void *arg)
{
	(void)fn;
	(void)arg;
}
unsigned quarry_os_context(void)
{
	return 0;
}
unsigned long *quarry_os_task_word(void)
{
	return &task_word;
}
#endif

/* The four calls that compilers emit; `volatile` keeps each from becoming a call of itself. */
void *memset(void *to, int value, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

void *memset(void *to, int value, size_t n)
{
	for (volatile unsigned char *p = to; n; n--)
		*p++ = (unsigned char)value;
	return to;
}
void *memcpy(void *to, const void *from, size_t n)
{
	const unsigned char *q = from;
	for (volatile unsigned char *p = to; n; n--)
		*p++ = *q++;
	return to;
}
void *memmove(void *to, const void *from, size_t n)
{
	volatile unsigned char *p = to;
	const volatile unsigned char *q = from;
	if ((uintptr_t)to <= (uintptr_t)from)
		return memcpy(to, from, n);
	while (n--)
		p[n] = q[n];
	return to;
}
int memcmp(const void *a, const void *b, size_t n)
{
	const volatile unsigned char *p = a, *q = b;
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p < *q ? -1 : 1;
	return 0;
}

/* ---- the kernel -------------------------------------------------------------------------------
 * */

int kernel_main(void)
{
	struct quarry_mem_range map = {.base = (uintptr_t)ram,
				       .size = sizeof(ram),
				       .type = QUARRY_MEM_USABLE};
	struct quarry_params params = {.size = sizeof(params), .map = &map, .nr_map = 1};
	if (quarry_init(&params) != 0)
		return 1;
	quarry_sleeping_works();

	unsigned long before = nr_free_pages();
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 3);
	if (!page || *(unsigned char *)page_address(page) != 0)
		return 3;
	__free_pages(page, 3);
	char *object = kmalloc(100, GFP_KERNEL);
	if (!object)
		return 4;
	memset(object, 0x5a, 100);
	kfree(object);
#ifdef CONSUMER_CXX
	if (cxx_main() != 0)
		return 6;
#endif
	drain_all_pages();
	if (nr_free_pages() > before || mm_check() != 0)
		return 5;
	machine_print("consumer: pages and objects served\n");
	return 0;
}

void start(void)
{
#ifdef __x86_64__
	/* A process starts with an aligned stack, a function expects one word more on it. */
	__asm__ volatile("andq $-16, %%rsp" : : : "memory");
#endif
	machine_stop(kernel_main());
}
