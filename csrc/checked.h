/* checked.h - what run.c does with each kernel call in a build with -DFNN_CHECKED (`make checked`): what would go unnoticed
 * shows.
 *
 * A call first runs on copies of its buffers that have no more bytes than the plan says and end where memory begins that
 * nobody may touch. Then it runs again, on copies that begin behind such memory, cut anywhere into ranges of units, in any
 * order; each range finds what was there before the call, not what the others wrote, and what they changed is put together.
 * Scratch memory, and what is only written, hold other bytes each time; or all ranges are one thread's, and scratch memory is
 * as the range before left it. Reported are
 *   - touching memory outside a buffer, a workspace or the scratch memory,
 *   - changing what is only read,
 *   - two ranges that change the same byte,
 *   - results that depend on the ranges, or on memory that was never written.
 * Reports go to the file that FASTNN_CHECKED_LOG names, or to stderr; then the call runs as it would have. All runs are on
 * one thread. Of calls of the same kernel and sizes the first few are checked, of buffers those of up to CHECKED_ROOM
 * bytes. */
#ifndef FNN_CHECKED_H
#define FNN_CHECKED_H

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { CHECKED_PAGE = 4096, CHECKED_TIMES = 4, CHECKED_KNOWN = 1 << 20 };
static const ptrdiff_t CHECKED_ROOM = (ptrdiff_t)1 << 28; /* bytes of a buffer; larger ones are not checked */
static const ptrdiff_t CHECKED_COPIED = (ptrdiff_t)1 << 26;

/* Buffers that overlap, as one stretch of memory. */
typedef struct {
    char *home, *saved, *result,
        *joined;                 /* where it lies; as it was; as one run leaves it; as the ranges do */
    unsigned char *kind, *owned; /* of each byte: 1 read, 2 written; whether a range has changed it */
    char *at;                    /* where it is now */
    ptrdiff_t bytes;
    int written;
} checked_region;

typedef struct {
    checked_region region[FNN_MAX_BUFS];
    int regions, of[FNN_MAX_BUFS];
    char *room[FNN_MAX_BUFS + 1]; /* the last: scratch */
    uint64_t random;
    unsigned char *times;
    sigjmp_buf fault;
    void *address;
    pthread_mutex_t lock;
} checked_state;

static checked_state checked = {.lock = PTHREAD_MUTEX_INITIALIZER, .random = 88172645463325252u};

static ptrdiff_t checked_draw(ptrdiff_t below)
{
    checked.random ^= checked.random << 13, checked.random ^= checked.random >> 7,
        checked.random ^= checked.random << 17;
    return (ptrdiff_t)(checked.random % (uint64_t)below);
}

static void checked_report(const instruction *in, const char *what, ptrdiff_t buffer, ptrdiff_t byte,
                           ptrdiff_t lo, ptrdiff_t hi)
{
    const char *path = getenv("FASTNN_CHECKED_LOG");
    FILE *file = path ? fopen(path, "a") : stderr;
    if (!file)
        return;
    fprintf(file, "%s: %s; buffer %td byte %td, units %td..%td of %td, scratch %td; bytes", in->kernel->name,
            what, buffer, byte, lo, hi, in->work.units, in->work.scratch);
    for (ptrdiff_t b = 0; b < in->call.bufs; b++)
        fprintf(file, " %td%s", in->operand[b].bytes,
                in->operand[b].access == FNN_READ    ? "r"
                : in->operand[b].access == FNN_WRITE ? "w"
                                                     : "rw");
    fprintf(file, "; sizes");
    for (ptrdiff_t s = 0; s < in->call.sizes; s++)
        fprintf(file, " %td", in->call.size[s]);
    fprintf(file, "; attrs");
    for (ptrdiff_t s = 0; s < in->call.attrs; s++)
        fprintf(file, " %g", in->call.attr[s]);
    fprintf(file, "\n");
    if (path)
        fclose(file);
}

static void checked_caught(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    checked.address = info->si_addr;
    siglongjmp(checked.fault, 1);
}

static int checked_first_times(const instruction *in)
{
    uint64_t h = 14695981039346656037u ^ (uint64_t)(uintptr_t)in->kernel;
    for (ptrdiff_t s = 0; s < in->call.sizes; s++)
        h = (h ^ (uint64_t)in->call.size[s]) * 1099511628211u;
    for (ptrdiff_t s = 0; s < in->call.attrs; s++) {
        uint64_t bits;
        memcpy(&bits, &in->call.attr[s], sizeof bits);
        h = (h ^ bits) * 1099511628211u;
    }
    h ^= h >> 29;
    unsigned char *times = &checked.times[h % CHECKED_KNOWN];
    return *times < CHECKED_TIMES ? ++*times : 0;
}

static int checked_begin(void)
{
    if (checked.times)
        return 1;
    checked.times = calloc(CHECKED_KNOWN, 1);
    for (int r = 0; r <= FNN_MAX_BUFS; r++) {
        char *room = mmap(NULL, (size_t)CHECKED_ROOM + 2 * CHECKED_PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED)
            abort();
        mprotect(room, CHECKED_PAGE, PROT_NONE);
        mprotect(room + CHECKED_PAGE + CHECKED_ROOM, CHECKED_PAGE, PROT_NONE);
        checked.room[r] = room + CHECKED_PAGE;
    }
    return 1;
}

/* The call's buffers as regions; 0 if one is too large. */
static int checked_gather(const instruction *in, void *const *buf)
{
    checked_region *all = checked.region;
    ptrdiff_t total = 0;
    checked.regions = 0;
    for (ptrdiff_t b = 0; b < in->call.bufs; b++)
        if (in->operand[b].bytes > 0 && buf[b])
            all[checked.regions++] = (checked_region){.home = buf[b], .bytes = in->operand[b].bytes};
    for (int again = 1; again;) { /* join what overlaps */
        again = 0;
        for (int r = 0; r < checked.regions; r++)
            for (int s = r + 1; s < checked.regions; s++)
                if (all[r].home < all[s].home + all[s].bytes && all[s].home < all[r].home + all[r].bytes) {
                    char *from = all[r].home < all[s].home ? all[r].home : all[s].home;
                    char *end_r = all[r].home + all[r].bytes, *end_s = all[s].home + all[s].bytes;
                    all[r].home = from;
                    all[r].bytes = (end_r > end_s ? end_r : end_s) - from;
                    all[s--] = all[--checked.regions];
                    again = 1;
                }
    }
    for (int r = 0; r < checked.regions; r++) {
        if (all[r].bytes > CHECKED_ROOM)
            return 0;
        total += all[r].bytes;
    }
    if (total > CHECKED_ROOM)
        return 0;
    for (int r = 0; r < checked.regions; r++) {
        checked_region *at = &all[r];
        at->saved = malloc((size_t)at->bytes * 3);
        at->result = at->saved + at->bytes;
        at->joined = at->result + at->bytes;
        at->kind = calloc((size_t)at->bytes, 2);
        at->owned = at->kind + at->bytes;
        memcpy(at->saved, at->home, (size_t)at->bytes);
    }
    /* Calls for some steps of a sequence read what those for others have written to the same output. */
    const int again =
        strncmp(in->kernel->name, "recurrent_", 10) == 0 && strcmp(in->kernel->name, "recurrent_pack_f32")
            ? FNN_READ
            : 0;
    for (ptrdiff_t b = 0; b < in->call.bufs; b++) {
        checked.of[b] = -1;
        for (int r = 0; r < checked.regions; r++)
            if (in->operand[b].bytes > 0 && buf[b] && (char *)buf[b] >= all[r].home &&
                (char *)buf[b] < all[r].home + all[r].bytes) {
                checked.of[b] = r;
                const int access = in->operand[b].access;
                all[r].written |= (access & FNN_WRITE) != 0;
                for (ptrdiff_t i = 0; i < in->operand[b].bytes; i++)
                    all[r].kind[(char *)buf[b] - all[r].home + i] |= (unsigned char)(access | again);
            }
    }
    return 1;
}

/* Puts the regions, as they were before the call, to the front or the end of their rooms. */
static void checked_place(int front, int poison)
{
    for (int r = 0; r < checked.regions; r++) {
        checked_region *at = &checked.region[r];
        at->at = checked.room[r] + (front ? 0 : CHECKED_ROOM - at->bytes);
        memcpy(at->at, at->saved, (size_t)at->bytes);
        if (at->written)
            for (ptrdiff_t i = 0; i < at->bytes; i++)
                if (at->kind[i] == FNN_WRITE)
                    at->at[i] = (char)poison;
    }
}

/* Runs a range, a thread's first of the call or one more; 0 if it touched what it must not. */
static int checked_run(const instruction *in, void *const *buf, ptrdiff_t lo, ptrdiff_t hi, int poison,
                       int first)
{
    enum { BEHIND = 0x5A };
    fnn_call call = in->call;
    char *scratch = NULL;
    char *const end = checked.room[FNN_MAX_BUFS] + CHECKED_ROOM;
    struct sigaction now = {.sa_sigaction = checked_caught, .sa_flags = SA_SIGINFO | SA_NODEFER}, before, bus;
    for (ptrdiff_t b = 0; b < call.bufs; b++)
        if (checked.of[b] >= 0)
            call.buf[b] =
                checked.region[checked.of[b]].at + ((char *)buf[b] - checked.region[checked.of[b]].home);
        else
            call.buf[b] = buf[b]; /* of no size that the plan knows: rows picked by index */
    scratch = (char *)((uintptr_t)(end - in->work.scratch) / 64 * 64);
    memset(scratch + in->work.scratch, BEHIND, (size_t)(end - scratch - in->work.scratch));
    if (first)
        memset(scratch, poison, (size_t)in->work.scratch);
    if (first && in->work.scratch >= (ptrdiff_t)sizeof(void *))
        memset(scratch, 0, sizeof(void *));
    sigaction(SIGSEGV, &now, &before);
    sigaction(SIGBUS, &now, &bus);
    volatile int held = 1;
    if (sigsetjmp(checked.fault, 1) == 0)
        in->kernel->run(&call, lo, hi,
                        in->work.scratch ? scratch : checked.room[FNN_MAX_BUFS] - CHECKED_PAGE + 64);
    else
        held = 0;
    sigaction(SIGSEGV, &before, NULL);
    sigaction(SIGBUS, &bus, NULL);
    if (!held) {
        ptrdiff_t buffer = -1, byte = 0;
        for (ptrdiff_t b = 0; b < call.bufs; b++)
            if (checked.of[b] >= 0) {
                const char *room = checked.room[checked.of[b]] - CHECKED_PAGE;
                if ((char *)checked.address >= room &&
                    (char *)checked.address < room + CHECKED_ROOM + 2 * CHECKED_PAGE)
                    buffer = b, byte = (char *)checked.address - (char *)call.buf[b];
            }
        const char *room = checked.room[FNN_MAX_BUFS] - CHECKED_PAGE;
        if ((char *)checked.address >= room &&
            (char *)checked.address < room + CHECKED_ROOM + 2 * CHECKED_PAGE)
            buffer = -2, byte = (char *)checked.address - scratch;
        checked_report(in, "touches memory outside a buffer (-2: the scratch memory)", buffer, byte, lo, hi);
        return 0;
    }
    for (char *p = scratch + in->work.scratch; p < end; p++)
        if (*p != BEHIND) {
            checked_report(in, "writes behind its scratch memory", -2, p - scratch, lo, hi);
            return 0;
        }
    return 1;
}

/* Units [lo, hi) in ranges, each from what was there before the call, in any order; joins what they changed. */
static int checked_split(const instruction *in, void *const *buf, ptrdiff_t lo, ptrdiff_t hi, int ranges,
                         int poison)
{
    ptrdiff_t cut[66];
    int order[65];
    cut[0] = lo, cut[ranges] = hi;
    for (int i = 1; i < ranges; i++)
        cut[i] = ranges == hi - lo ? lo + i : lo + checked_draw(hi - lo + 1);
    for (int i = 1; i < ranges; i++)
        for (int j = i; j > 1 && cut[j] < cut[j - 1]; j--) {
            const ptrdiff_t moved = cut[j];
            cut[j] = cut[j - 1], cut[j - 1] = moved;
        }
    for (int i = 0; i < ranges; i++) {
        const int j = (int)checked_draw(i + 1);
        order[i] = order[j], order[j] = i;
    }
    for (int r = 0; r < checked.regions; r++) {
        checked_region *at = &checked.region[r];
        memcpy(at->joined, at->saved, (size_t)at->bytes);
        for (ptrdiff_t i = 0; i < at->bytes; i++)
            if (at->kind[i] == FNN_WRITE)
                at->joined[i] = (char)poison;
        memset(at->owned, 0, (size_t)at->bytes);
    }
    const int together =
        (int)checked_draw(2); /* one thread's, which finds its scratch memory as it left it */
    for (int n = 0, done = 0; n < ranges; n++) {
        const ptrdiff_t from = cut[order[n]], to = cut[order[n] + 1];
        if (from == to)
            continue;
        checked_place(1, poison);
        if (!checked_run(in, buf, from, to, poison, !done++ || !together))
            return 0;
        for (int r = 0; r < checked.regions; r++) {
            checked_region *at = &checked.region[r];
            for (ptrdiff_t i = 0; i < at->bytes; i++) {
                const char was = at->kind[i] == FNN_WRITE ? (char)poison : at->saved[i];
                if (at->at[i] == was)
                    continue;
                if (at->owned[i]) {
                    checked_report(in, "two units write the same byte", r, i, from, to);
                    return 0;
                }
                at->owned[i] = 1;
                at->joined[i] = at->at[i];
            }
        }
    }
    for (int r = 0; r < checked.regions; r++) {
        const checked_region *at = &checked.region[r];
        for (ptrdiff_t i = 0; i < at->bytes; i++) {
            if (at->kind[i] == FNN_READ && at->joined[i] != at->saved[i]) {
                checked_report(in, "changes what it only reads", r, i, lo, hi);
                return 0;
            }
            if (at->joined[i] != at->result[i] &&
                !(at->kind[i] == FNN_WRITE && at->joined[i] == (char)poison && at->result[i] == (char)0xFF)) {
                checked_report(in, "gives other results in other ranges, or from memory never written", r, i,
                               lo, hi);
                return 0;
            }
        }
    }
    return 1;
}

static void checked_units(const instruction *in, void *const *buf, ptrdiff_t lo, ptrdiff_t hi, void *scratch)
{
    fnn_call plain = in->call;
    memcpy(plain.buf, buf, (size_t)plain.bufs * sizeof *buf);
    pthread_mutex_lock(&checked.lock);
    const int times = checked_begin() && hi > lo ? checked_first_times(in) : 0;
    if (!times || in->work.scratch > CHECKED_ROOM || !checked_gather(in, buf)) {
        pthread_mutex_unlock(&checked.lock);
        in->kernel->run(&plain, lo, hi, scratch);
        return;
    }
    ptrdiff_t total = 0;
    checked_place(0, 0xFF);
    int good = checked_run(in, buf, lo, hi, 0xFF, 1);
    for (int r = 0; r < checked.regions && good; r++) {
        checked_region *at = &checked.region[r];
        memcpy(at->result, at->at, (size_t)at->bytes);
        total += at->bytes;
    }
    if (good)
        good = checked_split(in, buf, lo, hi, total * 4 < CHECKED_COPIED ? 2 + times % 3 : 2, 0x7B);
    if (good && hi - lo <= 64 && total * (hi - lo) < CHECKED_COPIED)
        good = checked_split(in, buf, lo, hi, (int)(hi - lo), 0x3E);
    else if (good && total * 12 < CHECKED_COPIED)
        good = checked_split(in, buf, lo, hi, 12, 0x3E);
    for (int r = 0; r < checked.regions; r++) {
        checked_region *at = &checked.region[r];
        free(at->saved);
        free(at->kind);
        if (at->bytes > 1 << 20)
            madvise(checked.room[r], (size_t)CHECKED_ROOM, MADV_DONTNEED);
    }
    pthread_mutex_unlock(&checked.lock);
    in->kernel->run(&plain, lo, hi, scratch);
}

#endif
