/* SPDX-License-Identifier: MIT
 *
 * What the double's headers and macOS's own say alike: this file compiles with
 * both, or they differ. scripts/gate-double compiles it with macOS's.
 */
#include <fcntl.h>
#include <libproc.h>
#include <mach/mach.h>
#include <mach/mach_time.h>
#include <mach/vm_inherit.h>
#include <os/clock.h>
#include <stddef.h>
#include <sys/event.h>
#include <sys/proc.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define IS(name, value)                                                        \
    _Static_assert((long long)(name) == (value), #name " is " #value)
#define AT(type, member, offset)                                               \
    _Static_assert(offsetof(struct type, member) == (offset),                  \
                   #type " has " #member " at " #offset)
#define BYTES(type, bytes)                                                     \
    _Static_assert(sizeof(struct type) == (bytes), #type " has " #bytes)

IS(EVFILT_READ, -1);
IS(EVFILT_WRITE, -2);
IS(EVFILT_VNODE, -4);
IS(EVFILT_PROC, -5);
IS(EVFILT_TIMER, -7);
IS(NOTE_NSECONDS, 4);
IS(EVFILT_USER, -10);
IS(EV_ADD, 0x1);
IS(EV_DELETE, 0x2);
IS(EV_ENABLE, 0x4);
IS(EV_DISABLE, 0x8);
IS(EV_ONESHOT, 0x10);
IS(EV_CLEAR, 0x20);
IS(EV_RECEIPT, 0x40);
IS(EV_DISPATCH, 0x80);
IS(EV_ERROR, 0x4000);
IS(EV_EOF, 0x8000);
IS(EV_SYSFLAGS, 0xf000);
IS(NOTE_TRIGGER, 0x01000000);
IS(NOTE_FFNOP, 0);
IS(NOTE_FFCTRLMASK, 0xc0000000);
IS(NOTE_FFLAGSMASK, 0x00ffffff);
IS(NOTE_DELETE, 0x1);
IS(NOTE_WRITE, 0x2);
IS(NOTE_ATTRIB, 0x8);
IS(NOTE_LINK, 0x10);
IS(NOTE_RENAME, 0x20);
IS(NOTE_EXIT, 0x80000000);
BYTES(kevent, 32);
AT(kevent, ident, 0);
AT(kevent, filter, 8);
AT(kevent, flags, 10);
AT(kevent, fflags, 12);
AT(kevent, data, 16);
AT(kevent, udata, 24);

IS(PROC_PIDTBSDINFO, 3);
IS(PROC_PIDT_SHORTBSDINFO, 13);
IS(PROC_PIDFDPSHMINFO, 5);
IS(SRUN, 2);
IS(SZOMB, 5);
IS(FREAD, 1);
IS(FWRITE, 2);
BYTES(proc_bsdinfo, 136);
AT(proc_bsdinfo, pbi_status, 4);
AT(proc_bsdinfo, pbi_pid, 12);
AT(proc_bsdinfo, pbi_uid, 20);
AT(proc_bsdinfo, pbi_start_tvsec, 120);
AT(proc_bsdinfo, pbi_start_tvusec, 128);
AT(proc_bsdinfo, pbi_comm, 48);
AT(proc_bsdinfo, pbi_name, 64);
IS(RUSAGE_INFO_V4, 4);
AT(rusage_info_v4, ri_resident_size, 64);
AT(rusage_info_v4, ri_phys_footprint, 72);
BYTES(rusage_info_v4, 296);
BYTES(proc_bsdshortinfo, 64);
AT(proc_bsdshortinfo, pbsi_status, 12);
AT(proc_bsdshortinfo, pbsi_uid, 36);
AT(proc_bsdshortinfo, pbsi_gid, 40);
BYTES(pshm_fdinfo, 1192);
AT(pshm_fdinfo, pfi, 0);
AT(pshm_fdinfo, pshminfo, 24);
IS(PROC_PIDFDPIPEINFO, 6);
BYTES(pipe_fdinfo, 184);
AT(pipe_fdinfo, pipeinfo, 24);
AT(pipe_info, pipe_handle, 136);
AT(pipe_info, pipe_status, 152);
AT(proc_fileinfo, fi_openflags, 0);
AT(proc_fileinfo, fi_type, 16);
AT(pshm_info, pshm_stat, 0);
AT(pshm_info, pshm_name, 144);
AT(vinfo_stat, vst_mode, 4);
AT(vinfo_stat, vst_uid, 16);
AT(vinfo_stat, vst_size, 88);

IS(KERN_SUCCESS, 0);
IS(HOST_VM_INFO64, 4);
IS(HOST_VM_INFO64_REV1_COUNT, 38);
IS(HOST_VM_INFO64_REV2_COUNT, 40);
BYTES(vm_statistics64, 160);
AT(vm_statistics64, wire_count, 12);
AT(vm_statistics64, pageins, 32);
AT(vm_statistics64, decompressions, 96);
AT(vm_statistics64, swapins, 112);
AT(vm_statistics64, purgeable_count, 88);
AT(vm_statistics64, speculative_count, 92);
AT(vm_statistics64, compressor_page_count, 128);
AT(vm_statistics64, external_page_count, 136);
AT(vm_statistics64, internal_page_count, 140);
AT(vm_statistics64, total_uncompressed_pages_in_compressor, 144);
AT(vm_statistics64, swapped_count, 152);
BYTES(xsw_usage, 32);
AT(xsw_usage, xsu_avail, 8);
IS(CTL_KERN, 1);
IS(KERN_PROC, 14);
IS(KERN_PROC_PID, 1);
BYTES(kinfo_proc, 648);
AT(kinfo_proc, kp_proc.p_starttime, 0);
AT(kinfo_proc, kp_proc.p_stat, 36);
AT(kinfo_proc, kp_proc.p_pid, 40);
AT(kinfo_proc, kp_proc.p_comm, 243);
AT(kinfo_proc, kp_eproc.e_ucred.cr_uid, 420);
AT(kinfo_proc, kp_eproc.e_ppid, 560);

IS(SOL_LOCAL, 0);
IS(LOCAL_PEERPID, 2);
IS(SO_NOSIGPIPE, 0x1022);
BYTES(sockaddr_un, 106);
AT(sockaddr_un, sun_family, 1);
AT(sockaddr_un, sun_path, 2);
BYTES(sockaddr_storage, 128);
AT(sockaddr_storage, ss_family, 1);

IS(F_PREALLOCATE, 42);
IS(F_ALLOCATEALL, 4);
IS(F_PEOFPOSMODE, 3);
IS(F_SETNOSIGPIPE, 73);
IS(F_GETNOSIGPIPE, 74);
BYTES(fstore, 32);
AT(fstore, fst_posmode, 4);
AT(fstore, fst_offset, 8);
AT(fstore, fst_length, 16);
AT(fstore, fst_bytesalloc, 24);

IS(CLOCK_UPTIME_RAW, 8);
IS(_CS_DARWIN_USER_DIR, 65536);
IS(OS_CLOCK_MACH_ABSOLUTE_TIME, 32);
IS(VM_INHERIT_SHARE, 0);
IS(VM_INHERIT_COPY, 1);
IS(VM_INHERIT_NONE, 2);
