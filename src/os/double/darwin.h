/* SPDX-License-Identifier: MIT
 *
 * darwin.h - makes Linux look like macOS to one file of the back end.
 *
 * The build includes this header ahead of each file of os/macos and of
 * os/posix, and of no other file, and searches include/ before the system's
 * own headers. First come the system's headers, so that nothing is renamed
 * inside them; then what macOS has and Linux lacks; then the calls that the
 * two have under one name with two meanings. Last, what Linux alone has is
 * poisoned: a back end that uses it does not compile.
 *
 * The back end knows nothing of all this.
 */
#ifndef DOUBLE_DARWIN_H
#define DOUBLE_DARWIN_H

/* What macOS shows by default; not the extensions of GNU. */
#define _DEFAULT_SOURCE
#define _XOPEN_SOURCE 700

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

/* A file of the back end may ask for more or less, but it comes too late. */
#undef _DEFAULT_SOURCE
#undef _POSIX_C_SOURCE
#undef _XOPEN_SOURCE

/* ------------------------------------------------- what macOS alone has --- */

/* Values are Darwin's where Linux does not use them for something else. */
#define O_EVTONLY 0
#define F_PREALLOCATE 42
#define F_ALLOCATEALL 0x4
#define F_PEOFPOSMODE 3
#define F_SETNOSIGPIPE 73
#define F_GETNOSIGPIPE 74
#define F_GETPATH 50
#define SO_NOSIGPIPE 0x1022
#define SOL_LOCAL 0
#define LOCAL_PEERPID 0x002
#define CLOCK_UPTIME_RAW 8
#define _CS_DARWIN_USER_DIR 65536
#define _CS_DARWIN_USER_TEMP_DIR 65537
#undef RTLD_DEFAULT
#define RTLD_DEFAULT ((void *)-2)
#define FREAD 1
#define FWRITE 2

#define st_atimespec st_atim
#define st_mtimespec st_mtim
#define st_ctimespec st_ctim

#define fstore double_fstore
typedef struct double_fstore fstore_t;

#define sockaddr double_sockaddr
#define sockaddr_un double_sockaddr_un
#define sockaddr_storage double_sockaddr_storage

typedef struct double_dl_info Dl_info;

#define clock_gettime_nsec_np(clock) double_clock_gettime_nsec_np(clock)
#define dladdr(address, info) double_dladdr(address, info)
#define issetugid() double_issetugid()
#define devname_r(device, type, name, bytes)                                   \
    double_devname_r(device, type, name, bytes)
#define getpeereid(fd, uid, gid) double_getpeereid(fd, uid, gid)
#define minherit(address, bytes, inherit)                                      \
    double_minherit(address, bytes, inherit)
#define pthread_threadid_np(thread, id) double_pthread_threadid_np(thread, id)

/* -------------------------------------------- one name and two meanings --- */

#define accept(fd, address, bytes) double_accept(fd, address, bytes)
#define bind(fd, address, bytes) double_bind(fd, address, bytes)
#define clock_gettime(clock, time) double_clock_gettime(clock, time)
#define close(fd) double_close(fd)
#define confstr(name, text, bytes) double_confstr(name, text, bytes)
#define connect(fd, address, bytes) double_connect(fd, address, bytes)
#define dlopen(path, mode) double_dlopen(path, mode)
#define dlsym(handle, name) double_dlsym(handle, name)
#define fchmod(fd, mode) double_fchmod(fd, mode)
#define fcntl(...) double_fcntl(__VA_ARGS__)
#define flock(fd, operation) double_flock(fd, operation)
#define fstat(fd, info) double_fstat(fd, info)
#define ftruncate(fd, bytes) double_ftruncate(fd, bytes)
#define getpagesize() double_getpagesize()
#define getsockname(fd, address, bytes) double_getsockname(fd, address, bytes)
#define getsockopt(fd, level, option, value, bytes)                            \
    double_getsockopt(fd, level, option, value, bytes)
#define mmap(address, bytes, protection, flags, fd, offset)                    \
    double_mmap(address, bytes, protection, flags, fd, offset)
#define munmap(address, bytes) double_munmap(address, bytes)
#define open(...) double_open(__VA_ARGS__)
#define poll(entries, count, timeout) double_poll(entries, count, timeout)
#define read(fd, data, bytes) double_read(fd, data, bytes)
#define recv(fd, data, bytes, flags) double_recv(fd, data, bytes, flags)
#define recvmsg(fd, message, flags) double_recvmsg(fd, message, flags)
#define send(fd, data, bytes, flags) double_send(fd, data, bytes, flags)
#define sendmsg(fd, message, flags) double_sendmsg(fd, message, flags)
#define setsockopt(fd, level, option, value, bytes)                            \
    double_setsockopt(fd, level, option, value, bytes)
#define shm_open(...) double_shm_open(__VA_ARGS__)
#define shm_unlink(name) double_shm_unlink(name)
#define socket(domain, type, protocol) double_socket(domain, type, protocol)
#define socketpair(domain, type, protocol, fds)                                \
    double_socketpair(domain, type, protocol, fds)
#define sysconf(name) double_sysconf(name)
#define wait4(pid, status, options, usage)                                     \
    double_wait4(pid, status, options, usage)
#define write(fd, data, bytes) double_write(fd, data, bytes)

/* ------------------------------------------------- what Linux alone has --- */

#undef CLOCK_BOOTTIME
#undef MADV_DONTFORK
#undef MADV_WIPEONFORK
#undef MAP_POPULATE
#undef MSG_CMSG_CLOEXEC
#undef MSG_NOSIGNAL
#undef O_PATH
#undef O_TMPFILE
#undef SOCK_CLOEXEC
#undef SOCK_NONBLOCK
#undef SOCK_SEQPACKET
#undef SO_DOMAIN
#undef SO_PASSCRED
#undef SO_PEERCRED

#pragma GCC poison CLOCK_BOOTTIME MADV_DONTFORK MADV_WIPEONFORK MAP_POPULATE
#pragma GCC poison MSG_CMSG_CLOEXEC MSG_NOSIGNAL O_PATH O_TMPFILE
#pragma GCC poison SCM_CREDENTIALS SOCK_CLOEXEC SOCK_NONBLOCK SOCK_SEQPACKET
#pragma GCC poison SO_DOMAIN SO_PASSCRED SO_PEERCRED
#pragma GCC poison accept4 clock_nanosleep dup3 epoll_create1 epoll_ctl
#pragma GCC poison epoll_wait eventfd fallocate gettid inotify_init1
#pragma GCC poison memfd_create mremap pipe2 posix_fallocate ppoll
#pragma GCC poison pthread_condattr_setclock pthread_mutex_timedlock
#pragma GCC poison pthread_mutexattr_setrobust sched_getcpu sem_timedwait
#pragma GCC poison syscall timerfd_create

#endif
