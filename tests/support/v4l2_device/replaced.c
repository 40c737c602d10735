/* The functions of the C library that a program reaches the device with.
 *
 * The device file is an ordinary one, so links to it, `inotify` and permissions need nothing here. `stat` says that it is a
 * character device.
 */
#include "device.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define REAL(name)                                               \
    static __typeof__(&name) real;                               \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define MAJOR 81

__attribute__((constructor)) static void begin(void) { device_prepare(); }

/* Return the number of the device file of a path, as 0 of video0; -1 if it is none, or does not exist. */
static int number_of(int folder, const char *path) {
    char resolved[4096];
    size_t length = strlen(device_folder);
    if (!device || !path || (folder != AT_FDCWD && path[0] != '/') || !realpath(path, resolved)) return -1;
    if (strncmp(resolved, device_folder, length) || strncmp(resolved + length, "/video", 6)) return -1;
    return atoi(resolved + length + 6);
}

static int open_as(int folder, const char *path, int flags, unsigned mode) {
    REAL(openat);
    int saved = errno;
    if (number_of(folder, path) < 0) return errno = saved, real(folder, path, flags, mode);
    return device_open(flags);
}

#define MODE(flags)                                                          \
    unsigned mode = 0;                                                       \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {           \
        va_list rest;                                                        \
        va_start(rest, flags);                                               \
        mode = va_arg(rest, unsigned);                                       \
        va_end(rest);                                                        \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return open_as(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    return open_as(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    MODE(flags)
    return open_as(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags)
    return open_as(folder, path, flags | O_LARGEFILE, mode);
}
int __open_2(const char *path, int flags) { return open_as(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_as(AT_FDCWD, path, flags | O_LARGEFILE, 0); }

int close(int fd) {
    REAL(close);
    device_close(fd);
    return real(fd);
}

int ioctl(int fd, unsigned long request, ...) {
    REAL(ioctl);
    struct handle *handle = device_handle(fd);
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return handle ? device_answer(handle, (unsigned)request, argument) : real(fd, request, argument);
}

void *mmap(void *at, size_t length, int rights, int flags, int fd, off_t from) {
    REAL(mmap);
    return real(at, length, rights, flags, device_handle(fd) ? device_memory() : fd, from);
}
void *mmap64(void *at, size_t length, int rights, int flags, int fd, off_t from) {
    return mmap(at, length, rights, flags, fd, from);
}

int poll(struct pollfd *list, nfds_t count, int timeout) {
    REAL(poll);
    int ready = real(list, count, timeout);
    for (nfds_t i = 0; ready > 0 && i < count; i++) {
        struct handle *handle = list[i].revents ? device_handle(list[i].fd) : NULL;
        if (handle && !device_is_alive(handle)) list[i].revents = POLLERR | POLLHUP | (list[i].events & POLLPRI);
    }
    return ready;
}

static int told(int result, int number, struct stat *answer) {
    if (result || number < 0) return result;
    answer->st_mode = S_IFCHR | 0660;
    answer->st_rdev = makedev(MAJOR, (unsigned)number);
    return 0;
}

int stat(const char *path, struct stat *answer) {
    REAL(stat);
    return told(real(path, answer), number_of(AT_FDCWD, path), answer);
}
int stat64(const char *path, struct stat64 *answer) { return stat(path, (struct stat *)answer); }

int fstatat(int folder, const char *path, struct stat *answer, int flags) {
    REAL(fstatat);
    return told(real(folder, path, answer, flags), flags & AT_SYMLINK_NOFOLLOW ? -1 : number_of(folder, path), answer);
}
int fstatat64(int folder, const char *path, struct stat64 *answer, int flags) {
    return fstatat(folder, path, (struct stat *)answer, flags);
}

int fstat(int fd, struct stat *answer) {
    REAL(fstat);
    return told(real(fd, answer), device_handle(fd) ? 0 : -1, answer);
}
int fstat64(int fd, struct stat64 *answer) { return fstat(fd, (struct stat *)answer); }
