/* SPDX-License-Identifier: MIT
 *
 * <sys/proc_info.h> of macOS, as far as the double has it. The structures have
 * Darwin's layout.
 */
#ifndef DOUBLE_SYS_PROC_INFO_H
#define DOUBLE_SYS_PROC_INFO_H

#include <stdint.h>
#include <sys/param.h>
#include <sys/types.h>

#ifndef MAXCOMLEN
#define MAXCOMLEN 16
#endif

#define PROC_PIDLISTFDS 1
#define PROC_PIDTBSDINFO 3
#define PROC_PIDTASKINFO 4
#define PROC_PIDTHREADINFO 5
#define PROC_PIDLISTTHREADS 6
#define PROC_PIDT_SHORTBSDINFO 13
#define PROC_PIDUNIQIDENTIFIERINFO 17 /* in a private header there */
#define PROC_PIDFDPSHMINFO 5
#define PROC_PIDFDPIPEINFO 6

struct proc_bsdinfo {
    uint32_t pbi_flags;
    uint32_t pbi_status;
    uint32_t pbi_xstatus;
    uint32_t pbi_pid;
    uint32_t pbi_ppid;
    uid_t pbi_uid;
    gid_t pbi_gid;
    uid_t pbi_ruid;
    gid_t pbi_rgid;
    uid_t pbi_svuid;
    gid_t pbi_svgid;
    uint32_t rfu_1;
    char pbi_comm[MAXCOMLEN];
    char pbi_name[2 * MAXCOMLEN];
    uint32_t pbi_nfiles;
    uint32_t pbi_pgid;
    uint32_t pbi_pjobc;
    uint32_t e_tdev;
    uint32_t e_tpgid;
    int32_t pbi_nice;
    uint64_t pbi_start_tvsec;
    uint64_t pbi_start_tvusec;
};

struct proc_taskinfo {
    uint64_t pti_virtual_size;
    uint64_t pti_resident_size;
    uint64_t pti_times[4];
    int32_t pti_policy;
    int32_t pti_counts[8];
    int32_t pti_threadnum;
    int32_t pti_numrunning;
    int32_t pti_priority;
};

struct proc_threadinfo {
    uint64_t pth_user_time;
    uint64_t pth_system_time;
    int32_t pth_cpu_usage;
    int32_t pth_policy;
    int32_t pth_run_state;
    int32_t pth_flags;
    int32_t pth_sleep_time;
    int32_t pth_curpri;
    int32_t pth_priority;
    int32_t pth_maxpriority;
    char pth_name[64];
};

#define PROC_PIDTHREADINFO_SIZE (sizeof(struct proc_threadinfo))

struct proc_fdinfo {
    int32_t proc_fd;
    uint32_t proc_fdtype;
};

#define PROC_PIDLISTFD_SIZE (sizeof(struct proc_fdinfo))
#define PROC_PIDTASKINFO_SIZE (sizeof(struct proc_taskinfo))
#define PROC_PIDTBSDINFO_SIZE (sizeof(struct proc_bsdinfo))

struct proc_bsdshortinfo {
    uint32_t pbsi_pid;
    uint32_t pbsi_ppid;
    uint32_t pbsi_pgid;
    uint32_t pbsi_status;
    char pbsi_comm[MAXCOMLEN];
    uint32_t pbsi_flags;
    uid_t pbsi_uid;
    gid_t pbsi_gid;
    uid_t pbsi_ruid;
    gid_t pbsi_rgid;
    uid_t pbsi_svuid;
    gid_t pbsi_svgid;
    uint32_t pbsi_rfu;
};

#define PROC_PIDT_SHORTBSDINFO_SIZE (sizeof(struct proc_bsdshortinfo))

struct proc_uniqidentifierinfo {
    uint8_t p_uuid[16];
    uint64_t p_uniqueid;
    uint64_t p_puniqueid;
    int32_t p_idversion;
    int32_t p_orig_ppidversion;
    uint64_t p_reserve2;
    uint64_t p_reserve3;
};

#define PROC_PIDUNIQIDENTIFIERINFO_SIZE (sizeof(struct proc_uniqidentifierinfo))

struct proc_fileinfo {
    uint32_t fi_openflags; /* FREAD, FWRITE */
    uint32_t fi_status;
    off_t fi_offset;
    int32_t fi_type;
    uint32_t fi_guardflags;
};

struct vinfo_stat {
    uint32_t vst_dev;
    uint16_t vst_mode;
    uint16_t vst_nlink;
    uint64_t vst_ino;
    uid_t vst_uid;
    gid_t vst_gid;
    int64_t vst_atime;
    int64_t vst_atimensec;
    int64_t vst_mtime;
    int64_t vst_mtimensec;
    int64_t vst_ctime;
    int64_t vst_ctimensec;
    int64_t vst_birthtime;
    int64_t vst_birthtimensec;
    off_t vst_size;
    int64_t vst_blocks;
    int32_t vst_blksize;
    uint32_t vst_flags;
    uint32_t vst_gen;
    uint32_t vst_rdev;
    int64_t vst_qspare[2];
};

/* Darwin's MAXPATHLEN is 1024, a quarter of Linux's. */
struct pshm_info {
    struct vinfo_stat pshm_stat;
    uint64_t pshm_mappaddr;
    char pshm_name[1024];
};

struct pshm_fdinfo {
    struct proc_fileinfo pfi;
    struct pshm_info pshminfo;
};

#define PROC_PIDFDPSHMINFO_SIZE (sizeof(struct pshm_fdinfo))

struct pipe_info {
    struct vinfo_stat pipe_stat;
    uint64_t pipe_handle;
    uint64_t pipe_peerhandle;
    int pipe_status;
    int rfu_1;
};

struct pipe_fdinfo {
    struct proc_fileinfo pfi;
    struct pipe_info pipeinfo;
};

#define PROC_PIDFDPIPEINFO_SIZE (sizeof(struct pipe_fdinfo))

#endif
