/* SPDX-License-Identifier: MIT */
/*
 * format.h: one script of entries for the page-table format of any CPU port, compared with a
 * decoder that shares nothing with the port. Included by a test that has included one of
 * decode_*.h, which define
 *   struct decoded decode(uint64_t entry, unsigned level)     from the CPU's manual
 *   unsigned format_caching(unsigned caching)                 what the port makes of an attribute
 */
#ifndef FORMAT_H
#define FORMAT_H

static const unsigned caching_of[] = {0, QUARRY_PROT_UNCACHED, QUARRY_PROT_WRITE_COMBINE,
				      QUARRY_PROT_WRITE_THROUGH};

/* Addresses with every bit of the frame field set and clear, aligned for the level. */
static uint64_t nth_address(unsigned bit, unsigned level)
{
	uint64_t all = ((1ull << QUARRY_FORMAT_PHYS_BITS) - 1) & ~((1ull << (12 + 9 * level)) - 1);
	uint64_t one = 1ull << bit;

	return bit >= QUARRY_FORMAT_PHYS_BITS ? (bit & 1 ? all : 0) : one & all;
}

static void check_leaf(uint64_t phys, unsigned prot, unsigned level)
{
	quarry_pte_t pte = arch_pte_leaf(phys, prot, level);
	struct decoded d = decode(pte, level);
	unsigned caching = prot & QUARRY_PROT_CACHING;
	unsigned back = arch_pte_prot(pte, level);

	assert_true(d.present && d.leaf && d.global && d.accessed && d.dirty && !d.user);
	assert_int_equal(d.phys, phys);
	assert_int_equal(d.write, (prot & QUARRY_PROT_WRITE) != 0);
	assert_int_equal(d.exec, (prot & QUARRY_PROT_EXEC) != 0);
	assert_int_equal(d.caching, format_caching(caching));

	assert_true(arch_pte_present(pte));
	assert_true(arch_pte_is_leaf(pte, level));
	assert_int_equal(arch_pte_addr(pte, level), phys);
	assert_int_equal(back, (prot & ~caching) | format_caching(caching));
}

static void leaf_round_trip(void **state)
{
	(void)state;
	for (unsigned level = 0; level <= 2; level++)
		for (unsigned bit = 0; bit < QUARRY_FORMAT_PHYS_BITS + 2; bit++)
			for (unsigned rwx = 0; rwx < 4; rwx++)
				for (unsigned c = 0; c < 4; c++)
					check_leaf(nth_address(bit, level),
						   QUARRY_PROT_READ | rwx << 1 | caching_of[c],
						   level);
}

/* 64 KiB in 16 entries of the leaf table, where the port has that. */
static void group_round_trip(void **state)
{
	unsigned order = arch_pt_group_order();

	(void)state;
	for (unsigned bit = 12 + order; order && bit < QUARRY_FORMAT_PHYS_BITS + 2; bit++) {
		for (unsigned rwx = 0; rwx < 4; rwx++) {
			uint64_t phys = nth_address(bit, 0) >> (12 + order) << (12 + order);
			unsigned prot = QUARRY_PROT_READ | rwx << 1;
			quarry_pte_t single = arch_pte_leaf(phys, prot, 0);
			quarry_pte_t pte = arch_pte_grouped(single);
			struct decoded d = decode(pte, 0);

			assert_int_equal(d.group, 1u << order);
			assert_int_equal(d.phys, phys);
			assert_int_equal(d.write, (prot & QUARRY_PROT_WRITE) != 0);
			assert_int_equal(d.exec, (prot & QUARRY_PROT_EXEC) != 0);
			assert_true(arch_pte_present(pte) && arch_pte_is_leaf(pte, 0));
			assert_true(arch_pte_is_grouped(pte) && !arch_pte_is_grouped(single));
			assert_int_equal(arch_pte_addr(pte, 0), phys);
			assert_int_equal(arch_pte_prot(pte, 0), prot);
		}
	}
}

static void table_round_trip(void **state)
{
	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		for (unsigned bit = 0; bit < QUARRY_FORMAT_PHYS_BITS + 2; bit++) {
			uint64_t phys = nth_address(bit, 0);
			quarry_pte_t pte = arch_pte_table(phys);
			struct decoded d = decode(pte, level);

			assert_true(d.present && !d.leaf && !d.user);
			assert_int_equal(d.phys, phys);
			assert_true(arch_pte_present(pte));
			assert_false(arch_pte_is_leaf(pte, level));
			assert_int_equal(arch_pte_addr(pte, level), phys);
		}
	}
}

static void zero_is_absent(void **state)
{
	(void)state;
	for (unsigned level = 0; level <= 4; level++) {
		assert_false(arch_pte_present(0));
		assert_false(arch_pte_is_leaf(0, level));
	}
}

/* 9 bits a level, from bit 12 on; the sign extension of the highest half plays no part. */
static void index_of_each_level(void **state)
{
	uintptr_t va = 0;

	(void)state;
	for (unsigned level = 0; level < 5; level++)
		va |= (uintptr_t)(level * 100 + 3) << (12 + 9 * level);
	for (unsigned level = 0; level < 5; level++) {
		assert_int_equal(arch_pt_index(va, level), level * 100 + 3);
		assert_int_equal(arch_pt_index(va | 0xfe00000000000fff, level), level * 100 + 3);
		assert_int_equal(arch_pt_index(UINTPTR_MAX, level), 511);
	}
}

static void read_and_write(void **state)
{
	quarry_pte_t entry = 0;

	(void)state;
	arch_pte_write(&entry, 0x123456789abcdef0);
	assert_int_equal(entry, 0x123456789abcdef0);
	assert_int_equal(arch_pte_read(&entry), 0x123456789abcdef0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaf_round_trip), cmocka_unit_test(group_round_trip),
		cmocka_unit_test(table_round_trip),
		cmocka_unit_test(zero_is_absent),  cmocka_unit_test(index_of_each_level),
		cmocka_unit_test(read_and_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
