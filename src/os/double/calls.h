/* SPDX-License-Identifier: MIT
 *
 * calls.h - the calls that Linux and macOS both have, under one name and with
 * two meanings. darwin.h gives the back end these in their place. The calls
 * that only macOS has are declared, under their own names, in include/.
 *
 * Included once by darwin.h, for the back end, and by the double's own files.
 */
#ifndef DOUBLE_CALLS_H
#define DOUBLE_CALLS_H

#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* Addresses have a length byte and a family byte. */
struct double_sockaddr {
    uint8_t sa_len;
    uint8_t sa_family;
    char sa_data[14];
};
struct double_sockaddr_un {
    uint8_t sun_len;
    uint8_t sun_family;
    char sun_path[104];
};
struct double_sockaddr_storage {
    uint8_t ss_len;
    uint8_t ss_family;
    char ss_room[126];
};

/* What F_PREALLOCATE takes. */
struct double_fstore {
    unsigned fst_flags;
    int fst_posmode;
    off_t fst_offset;
    off_t fst_length;
    off_t fst_bytesalloc;
};

/* What dladdr() fills in. */
struct double_dl_info {
    const char *dli_fname;
    void *dli_fbase;
    const char *dli_sname;
    void *dli_saddr;
};

/* files.c */
int double_close(int fd);
int double_fcntl(int fd, int command, ...);
int double_fstat(int fd, struct stat *info);
int double_fchmod(int fd, mode_t mode);
int double_open(const char *path, int flags, ...);
ssize_t double_read(int fd, void *data, size_t bytes);
ssize_t double_write(int fd, const void *data, size_t bytes);
int double_poll(struct pollfd *entries, nfds_t count, int timeout_ms);
int double_flock(int fd, int operation);

/* processes.c */
struct rusage;
pid_t double_wait4(pid_t pid, int *status, int options, struct rusage *usage);
int double_issetugid(void);
char *double_devname_r(dev_t device, mode_t type, char *name, int bytes);

/* memory.c */
int double_shm_open(const char *name, int flags, ...);
int double_shm_unlink(const char *name);
int double_ftruncate(int fd, off_t bytes);
void *double_mmap(void *address, size_t bytes, int protection, int flags,
                  int fd, off_t offset);
int double_munmap(void *address, size_t bytes);
int double_minherit(void *address, size_t bytes, int inherit);

/* socket.c */
int double_socket(int domain, int type, int protocol);
int double_socketpair(int domain, int type, int protocol, int *fds);
int double_bind(int fd, const struct double_sockaddr *address, socklen_t bytes);
int double_connect(int fd, const struct double_sockaddr *address,
                   socklen_t bytes);
int double_accept(int fd, struct double_sockaddr *address, socklen_t *bytes);
int double_getsockname(int fd, struct double_sockaddr *address,
                       socklen_t *bytes);
int double_getsockopt(int fd, int level, int option, void *value,
                      socklen_t *bytes);
int double_setsockopt(int fd, int level, int option, const void *value,
                      socklen_t bytes);
int double_getpeereid(int fd, uid_t *uid, gid_t *gid);
ssize_t double_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t double_send(int fd, const void *data, size_t bytes, int flags);
ssize_t double_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t double_recv(int fd, void *data, size_t bytes, int flags);

/* system.c */
int double_clock_gettime(clockid_t clock, struct timespec *time);
uint64_t double_clock_gettime_nsec_np(clockid_t clock);
void *double_dlsym(void *handle, const char *name);
void *double_dlopen(const char *path, int mode);
int double_dladdr(const void *address, struct double_dl_info *info);
int double_getpagesize(void);
long double_sysconf(int name);
size_t double_confstr(int name, char *text, size_t bytes);
/* A thread is a pointer on macOS. */
int double_pthread_threadid_np(const void *thread, uint64_t *id);

#endif
