/* SPDX-License-Identifier: MIT
 *
 * The filter of system calls.
 *
 * It refuses what reaches beyond the process or opens large parts of the
 * kernel, and what computes and talks has no need of. What is refused fails
 * with EPERM, as if a right were missing, so that programs can go on without:
 * clone3, whose flags a filter can't see, with ENOSYS, upon which libraries
 * use clone; a socket of another family with EAFNOSUPPORT. Only a call by the
 * rules of another machine (32 bits, x32), which these numbers say nothing
 * about, kills: SIGSYS.
 *
 * The numbers are searched as a tree. That is not for the calls themselves
 * (the kernel remembers which are always allowed, as all are that a channel
 * makes) but for the start: to learn that, it runs the filter once for each
 * number. A call of those takes 35 ns more than without a filter, and one
 * whose arguments are looked at 55 ns.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run_isolate.h"

#if defined(__x86_64__) && defined(__LP64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define NUMBERS_END 0x40000000u /* where x32 begins */
#elif defined(__aarch64__) && defined(__LP64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define NUMBERS_END 0u
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#define NUMBERS_END 0u
#else
#define ARCHITECTURE 0u /* none of ours: there is no filter */
#define NUMBERS_END 0u
#endif

/* The low half of an argument: all that the calls below look at. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT(n) (uint32_t) offsetof(struct seccomp_data, args[n])
#else
#define ARGUMENT(n) (uint32_t)(offsetof(struct seccomp_data, args[n]) + 4)
#endif

#define NEW_NAMESPACES                                                         \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |             \
     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

#ifndef TIOCSTI
#define TIOCSTI 0x5412
#endif
#ifndef TIOCLINUX
#define TIOCLINUX 0x541c
#endif

/* What is done about a call; those after REFUSE look at its arguments. */
enum action { REFUSE, ABSENT, SOCKETS, CLONE, PERSONALITY, TERMINAL, ACTIONS };

struct rule {
    uint32_t number;
    uint32_t action;
};

static const struct rule call_rules[] = {
    {__NR_ptrace, REFUSE}, /* other processes */
    {__NR_process_vm_readv, REFUSE},
    {__NR_process_vm_writev, REFUSE},
    {__NR_kcmp, REFUSE},
    {438, REFUSE}, /* pidfd_getfd */
    {__NR_move_pages, REFUSE},
    {__NR_migrate_pages, REFUSE},
    {__NR_mount, REFUSE}, /* mounts and namespaces */
    {__NR_umount2, REFUSE},
    {__NR_pivot_root, REFUSE},
    {__NR_chroot, REFUSE},
    {CALL_OPEN_TREE, REFUSE},
    {CALL_MOVE_MOUNT, REFUSE},
    {CALL_FSOPEN, REFUSE},
    {CALL_FSCONFIG, REFUSE},
    {CALL_FSMOUNT, REFUSE},
    {433, REFUSE}, /* fspick */
    {CALL_MOUNT_SETATTR, REFUSE},
    {467, REFUSE}, /* open_tree_attr */
    {__NR_setns, REFUSE},
    {__NR_unshare, REFUSE},
    {__NR_clone, CLONE},
    {435, ABSENT}, /* clone3 */
    {__NR_open_by_handle_at, REFUSE},
    {__NR_quotactl, REFUSE},
    {443, REFUSE}, /* quotactl_fd */
    {__NR_fanotify_init, REFUSE},
    {__NR_bpf, REFUSE}, /* large parts of the kernel */
    {__NR_perf_event_open, REFUSE},
    {__NR_userfaultfd, REFUSE},
    {425, REFUSE}, /* io_uring_setup, _enter, _register */
    {426, REFUSE},
    {427, REFUSE},
    {__NR_add_key, REFUSE}, /* keys */
    {__NR_request_key, REFUSE},
    {__NR_keyctl, REFUSE},
    {__NR_init_module, REFUSE}, /* the machine */
    {__NR_finit_module, REFUSE},
    {__NR_delete_module, REFUSE},
    {__NR_kexec_load, REFUSE},
#ifdef __NR_kexec_file_load
    {__NR_kexec_file_load, REFUSE},
#endif
    {__NR_reboot, REFUSE},
    {__NR_swapon, REFUSE},
    {__NR_swapoff, REFUSE},
    {__NR_acct, REFUSE},
    {__NR_syslog, REFUSE},
    {__NR_vhangup, REFUSE},
    {__NR_sethostname, REFUSE},
    {__NR_setdomainname, REFUSE},
    {__NR_settimeofday, REFUSE},
    {__NR_clock_settime, REFUSE},
    {__NR_adjtimex, REFUSE},
    {__NR_clock_adjtime, REFUSE},
#ifdef __NR_iopl
    {__NR_iopl, REFUSE},
    {__NR_ioperm, REFUSE},
    {__NR_uselib, REFUSE},
    {__NR__sysctl, REFUSE},
#endif
    {__NR_personality, PERSONALITY},
    {__NR_ioctl, TERMINAL},
    {__NR_socket, SOCKETS},
    {__NR_socketpair, SOCKETS},
};

/* Without a network namespace; io_uring makes sockets, too. */
static const struct rule network_rules[] = {
    {425, REFUSE},
    {426, REFUSE},
    {427, REFUSE},
    {__NR_socket, SOCKETS},
    {__NR_socketpair, SOCKETS},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define RULES_MAX 80
#define CODE_MAX 255 /* jumps have a byte */

_Static_assert(COUNT_OF(call_rules) <= RULES_MAX, "there is room for them");

struct writer {
    struct sock_filter code[CODE_MAX];
    uint32_t count;
    bool overflows;
    struct {
        uint32_t at;
        uint32_t action;
    } jumps[RULES_MAX]; /* to an action, whose place is not known yet */
    uint32_t jump_count;
    bool has_network;
};

static uint32_t put(struct writer *writer, uint32_t code, uint32_t value,
                    uint8_t yes, uint8_t no)
{
    if (writer->count == CODE_MAX) {
        writer->overflows = true;
        return 0;
    }
    writer->code[writer->count] =
        (struct sock_filter){(uint16_t)code, yes, no, value};
    return writer->count++;
}

static void put_load(struct writer *writer, uint32_t offset)
{
    (void)put(writer, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void put_return(struct writer *writer, uint32_t what)
{
    (void)put(writer, BPF_RET | BPF_K, what, 0, 0);
}

/* Finds the number in the accumulator among sorted rules; else allows. */
static void put_search(struct writer *writer, const struct rule *rules,
                       size_t count)
{
    size_t half = count / 2;
    uint32_t branch;

    if (count > 3) {
        branch =
            put(writer, BPF_JMP | BPF_JGE | BPF_K, rules[half].number, 0, 0);
        put_search(writer, rules, half);
        writer->code[branch].jt = (uint8_t)(writer->count - branch - 1);
        put_search(writer, rules + half, count - half);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        writer->jumps[writer->jump_count].action = rules[i].action;
        writer->jumps[writer->jump_count++].at =
            put(writer, BPF_JMP | BPF_JEQ | BPF_K, rules[i].number, 0, 0);
    }
    put_return(writer, SECCOMP_RET_ALLOW);
}

#define DENY(code) (SECCOMP_RET_ERRNO | (code))

static void put_action(struct writer *writer, enum action action)
{
    switch (action) {
    case ABSENT:
        put_return(writer, DENY(ENOSYS));
        return;
    case SOCKETS:
        put_load(writer, ARGUMENT(0));
        (void)put(writer, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 3, 0);
        if (writer->has_network) {
            (void)put(writer, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0);
            (void)put(writer, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0);
        } else {
            writer->code[writer->count - 1].jt = 1;
        }
        put_return(writer, DENY(EAFNOSUPPORT));
        break;
    case CLONE:
        put_load(writer, ARGUMENT(0));
        (void)put(writer, BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACES, 0, 1);
        put_return(writer, DENY(EPERM));
        break;
    case PERSONALITY: /* asks what it is, or sets the usual one */
        put_load(writer, ARGUMENT(0));
        (void)put(writer, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
        (void)put(writer, BPF_JMP | BPF_JEQ | BPF_K, 0xffffffffu, 1, 0);
        put_return(writer, DENY(EPERM));
        break;
    case TERMINAL: /* typing into the terminal that the host has */
        put_load(writer, ARGUMENT(1));
        (void)put(writer, BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 1, 0);
        (void)put(writer, BPF_JMP | BPF_JEQ | BPF_K, TIOCLINUX, 0, 1);
        put_return(writer, DENY(EPERM));
        break;
    case REFUSE:
    case ACTIONS:
    default:
        put_return(writer, DENY(EPERM));
        return;
    }
    put_return(writer, SECCOMP_RET_ALLOW);
}

/* Puts an action there once, and lets all jumps to it know where that is. */
static void place_action(struct writer *writer, enum action action)
{
    uint32_t at = writer->count;
    bool is_used = false;

    for (uint32_t i = 0; i < writer->jump_count; i++) {
        if (writer->jumps[i].action == (uint32_t)action) {
            uint32_t from = writer->jumps[i].at;

            writer->code[from].jt = (uint8_t)(at - from - 1);
            is_used = true;
        }
    }
    if (is_used) {
        put_action(writer, action);
    }
}

static int by_number(const void *one_, const void *other_)
{
    const struct rule *one = one_;
    const struct rule *other = other_;

    return one->number < other->number ? -1 : one->number > other->number;
}

/* The filter for these rules. False: it is too long. */
static bool write_filter(struct writer *writer, const struct rule *rules,
                         size_t count)
{
    struct rule sorted[RULES_MAX];

    for (size_t i = 0; i < count; i++) {
        sorted[i] = rules[i];
    }
    qsort(sorted, count, sizeof(sorted[0]), by_number);
    put_load(writer, (uint32_t)offsetof(struct seccomp_data, arch));
    (void)put(writer, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    put_return(writer, SECCOMP_RET_KILL_PROCESS);
    put_load(writer, (uint32_t)offsetof(struct seccomp_data, nr));
    if (NUMBERS_END != 0) {
        (void)put(writer, BPF_JMP | BPF_JGE | BPF_K, NUMBERS_END, 0, 1);
        put_return(writer, SECCOMP_RET_KILL_PROCESS);
    }
    put_search(writer, sorted, count);
    for (int i = 0; i < ACTIONS; i++) {
        place_action(writer, (enum action)i);
    }
    return !writer->overflows;
}

bool weftos_run_filter_works(const char **why_not)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;

    *why_not = NULL;
    if (ARCHITECTURE == 0) {
        *why_not = "weft has no system call filter for this processor";
    } else if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) !=
               0) {
        *why_not = "the kernel has no system call filter";
    }
    return *why_not == NULL;
}

void weftos_run_filter_enter(struct run *run, int pipe)
{
    const struct run_isolation *isolation = run->isolation;
    struct writer writer = {.has_network = !isolation->filters_network};
    struct sock_fprog program = {.filter = writer.code};
    weft_fence fence =
        isolation->filters_calls ? WEFT_FENCE_CALLS : WEFT_FENCE_NETWORK;
    bool fits;

    if (!isolation->filters_calls && !isolation->filters_network) {
        return;
    }
    fits = isolation->filters_calls
               ? write_filter(&writer, call_rules, COUNT_OF(call_rules))
               : write_filter(&writer, network_rules, COUNT_OF(network_rules));
    program.len = (unsigned short)writer.count;
    if (!fits) {
        errno = E2BIG;
    }
    if (!fits ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
        weftos_run_child_fail(pipe, (int)fence, "filter system calls");
    }
}
