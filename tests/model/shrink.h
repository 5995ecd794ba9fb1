/* SPDX-License-Identifier: MIT */
/*
 * shrink.h: plays a script in a process of its own, and cuts a failing one down.
 *
 * A child process means a fresh world each time, whatever the last script has destroyed. Where it
 * got to and why it failed come back through shared memory, so a crash tells where it happened too.
 *
 * Cutting: leave out ever smaller parts, as long as the rest still fails for the same reason.
 */
#ifndef MODEL_SHRINK_H
#define MODEL_SHRINK_H

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define SHRINK_SECONDS 60
#define WHY_SIZE 256u

struct play {
	const struct mock_config *config;
	unsigned check_every;
	bool plant;
	/* A script, or the first `nr` operations of a seed. */
	const struct op *script;
	uint64_t seed;
	unsigned long nr;
};

/* What the child tells. */
struct outcome {
	unsigned long step, calls;
	bool failed;
	char why[WHY_SIZE];
};
static struct outcome *outcome;

static void play_all(void *arg)
{
	const struct play *play = arg;

	run_start(play->config);
	run.plant = play->plant;
	for (unsigned long i = 0; i < play->nr; i++) {
		struct op op = play->script ? play->script[i] : op_make(play->seed, i);
		outcome->step = i;
		run_op(&op);
		if (i % play->check_every == 0)
			run_check();
	}
	outcome->step = play->nr;
	outcome->calls = run.calls;
	run_stop();
}

static void child(struct play *play, bool quiet)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
	const char *why;

	/* The test program's own handlers would jump into the parent's test. */
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	if (quiet) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		dup2(null, 2);
	}
	why = mock_failure_of(play_all, play);
	if (!why)
		exit(0);
	outcome->failed = true;
	snprintf(outcome->why, WHY_SIZE, "%s", why);
	_exit(1);
}

/* Play it. Return: did it fail? Then outcome says where and why. */
static bool play_fails(struct play *play, bool quiet)
{
	int status = 0;
	pid_t pid;

	if (!outcome) {
		outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (outcome == MAP_FAILED)
			abort();
	}
	memset(outcome, 0, sizeof(*outcome));
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (!pid)
		child(play, quiet);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (status && !outcome->failed)
		snprintf(outcome->why, WHY_SIZE, "the process ended with status %#x", status);
	return status != 0;
}

/* The same reason but for numbers. */
static bool same_reason(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (isxdigit((unsigned char)*a))
			a++;
		while (isxdigit((unsigned char)*b))
			b++;
		if (*a != *b)
			return false;
		if (!*a)
			return true;
	}
}

/* Does script[0 .. nr) fail like that? Every step is checked. */
static bool fails_like(const struct play *play, const struct op *script, unsigned long nr,
		       const char *why)
{
	struct play part = *play;

	part.script = script;
	part.nr = nr;
	part.check_every = nr < 2000 ? 1 : play->check_every;
	return play_fails(&part, true) && same_reason(outcome->why, why);
}

/* Cut the script down in place. Return: its new length. */
static unsigned long shrink(const struct play *play, struct op *script, unsigned long nr,
			    const char *why)
{
	struct op *part = malloc((nr + 1) * sizeof(*part));
	time_t end = time(NULL) + SHRINK_SECONDS;

	for (unsigned long chunk = (nr + 1) / 2; chunk && time(NULL) < end;) {
		bool cut = false;
		for (unsigned long at = 0; at < nr && time(NULL) < end;) {
			unsigned long length = chunk < nr - at ? chunk : nr - at;
			memcpy(part, script, at * sizeof(*part));
			memcpy(part + at, script + at + length, (nr - at - length) * sizeof(*part));
			if (fails_like(play, part, nr - length, why)) {
				nr -= length;
				memcpy(script, part, nr * sizeof(*part));
				cut = true;
			} else {
				at += length;
			}
		}
		if (chunk == 1 && !cut)
			break;
		chunk = chunk > 1 ? chunk / 2 : 1;
	}
	/* Is it the interrupts, the context? */
	for (unsigned long i = 0; i < nr && time(NULL) < end; i++) {
		struct op before = script[i];
		script[i].interrupt = script[i].context = 0;
		if ((before.interrupt || before.context) && !fails_like(play, script, nr, why))
			script[i] = before;
	}
	free(part);
	return nr;
}

/* Play a seed; cut down and print what fails. Return: 0, or the length of the shortest script. */
static unsigned long play_seed(struct play *play, const char *machine, bool quiet)
{
	char why[WHY_SIZE];

	if (!play_fails(play, quiet))
		return 0;
	unsigned long nr = outcome->step < play->nr ? outcome->step + 1 : play->nr;
	struct op *script = calloc(nr, sizeof(*script));
	memcpy(why, outcome->why, sizeof(why));
	for (unsigned long i = 0; i < nr; i++)
		script[i] = op_make(play->seed, i);
	unsigned long steps = nr;
	if (fails_like(play, script, nr, why))
		nr = shrink(play, script, nr, why);
	if (!quiet) {
		fprintf(stderr, "# machine %s, seed %#lx, step %lu: %s\n", machine,
			(unsigned long)play->seed, steps, why);
		fprintf(stderr, "# the shortest script that fails so has %lu operations:\n", nr);
		for (unsigned long i = 0; i < nr && i < 60; i++)
			op_print(&script[i], stderr);
	}
	free(script);
	return nr ? nr : 1;
}

#endif
