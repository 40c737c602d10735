/* The buffers of the device, and its clock.
 *
 * A descriptor of the device is a timerfd: it becomes readable with each frame and is never writable, so `poll`, `select` and
 * epoll work as they do with a camera. No thread runs for a frame and no frame is copied: a camera's DMA costs its reader
 * nothing. Which frames have arrived is computed from the number of ticks: a tick fills the oldest buffer that is queued,
 * and without one the frame is lost. A thread waits for changes by the test, to wake up readers.
 */
#include "device.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MOST_BUFFERS 16
#define SECOND 1000000000LL
#define STAMP "X-Timestamp: "

struct shared *device;
char device_folder[4096];

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct handle handles[MOST_HANDLES];
static pid_t watching;
static int changes = -1;

static struct handle *owner;
static struct shape shape;
static int memory = -1, count, queued, done, queue[MOST_BUFFERS], arrived[MOST_BUFFERS];
static unsigned char *pixels;
static size_t used[MOST_BUFFERS], buffer_bytes;
static long long started, interval, ticks, times[MOST_BUFFERS];
static uint32_t sequence, sequences[MOST_BUFFERS];

int fail(int error) {
    errno = error;
    return -1;
}

static long long now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void set_timer(int fd, long long first, long long each) {
    struct itimerspec timer = {{each / SECOND, each % SECOND}, {first / SECOND, first % SECOND}};
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* Find out which frames have arrived since the last call. */
static void catch_up(void) {
    if (!started || device->stall) return;
    for (long long passed = (now(CLOCK_MONOTONIC) - started) / interval; ticks < passed;) {
        ticks++;
        sequence++;
        if (!queued) {
            device->lost++;
            continue;
        }
        arrived[done] = queue[0];
        sequences[done] = sequence;
        times[done++] = started + ticks * interval;
        memmove(queue, queue + 1, (size_t)--queued * sizeof *queue);
    }
}

/* Make the descriptor readable now if frames wait, otherwise at the next tick. */
static void rearm(int fd) {
    if (done) set_timer(fd, 1, 0);
    else set_timer(fd, started ? started + (ticks + 1) * interval : 0, started ? interval : 0);
}

/* Make all readers look at the device again: those that wait for a frame would sleep for ever. */
static void wake(void) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MOST_HANDLES; i++)
        if (handles[i].fd >= 0 && !device_is_alive(&handles[i])) set_timer(handles[i].fd, 1, 0);
    if (owner && device_is_alive(owner) && device->streaming) {
        catch_up();
        if (device->stall) started = 0;
        else if (!started) started = now(CLOCK_MONOTONIC), ticks = 0;
        rearm(owner->fd);
    }
    pthread_mutex_unlock(&lock);
}

static void *watch(void *unused) {
    char event[4096];
    (void)unused;
    while (read(changes, event, sizeof event) > 0) wake();
    return NULL;
}

/* Start the thread that waits for changes, which a child process does not inherit. */
void device_prepare(void) {
    char path[sizeof device_folder + 8];
    pthread_t thread;
    sigset_t all, before;
    if (watching == getpid()) return;
    if (!device) {
        for (int i = 0; i < MOST_HANDLES; i++) handles[i].fd = -1;
        if (!getenv("V4L2_DEVICE") || !realpath(getenv("V4L2_DEVICE"), device_folder)) return;
    }
    snprintf(path, sizeof path, "%s/state", device_folder);
    if (!device) {
        int file = openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC);
        if (file < 0) return;
        device = mmap(NULL, sizeof *device, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
    }
    watching = getpid();
    if (changes >= 0) close(changes);
    changes = inotify_init1(IN_CLOEXEC);
    inotify_add_watch(changes, path, IN_ATTRIB);
    sigfillset(&all); /* signals are for the threads of the program */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, watch, NULL) == 0) pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int device_is_alive(const struct handle *handle) { return handle->plugged && handle->plugged == device->plugged; }

/* Return whether another program uses the device: the test, or a process that is alive and has its buffers. */
int device_is_taken(void) {
    pid_t process = (pid_t)device->owner;
    return device->busy || (process && process != getpid() && kill(process, 0) == 0);
}

int device_memory(void) { return memory; }

struct handle *device_handle(int fd) {
    for (int i = 0; i < MOST_HANDLES && device && fd >= 0; i++)
        if (handles[i].fd == fd) return &handles[i];
    return NULL;
}

int device_open(int flags) {
    int fd;
    device_prepare();
    if (!device->plugged) return fail(ENODEV);
    if ((fd = timerfd_create(CLOCK_MONOTONIC, (flags & O_CLOEXEC ? TFD_CLOEXEC : 0) | (flags & O_NONBLOCK ? TFD_NONBLOCK : 0))) < 0)
        return -1;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MOST_HANDLES; i++)
        if (handles[i].fd < 0) {
            handles[i] = (struct handle){fd, device->plugged};
            device->opened++;
            break;
        }
    pthread_mutex_unlock(&lock);
    return fd;
}

static void release(void) {
    if (pixels) munmap(pixels, count * buffer_bytes);
    if (memory >= 0) close(memory);
    pixels = NULL, memory = -1, count = queued = done = 0;
    device->streaming = device->owner = 0;
    owner = NULL;
}

void device_close(int fd) {
    struct handle *handle = device_handle(fd);
    if (!handle) return;
    pthread_mutex_lock(&lock);
    handle->fd = -1;
    device->opened--;
    if (handle == owner) release();
    pthread_mutex_unlock(&lock);
}

/* Fill buffer N with frame N; after the last one comes the first. */
static int fill(int number) {
    char path[sizeof device_folder + 64];
    FILE *file = NULL;
    for (int frame = number; !file; frame = frame >= 0 ? -1 : -2) {
        if (frame < -1) return perror(path), fail(EIO);
        snprintf(path, sizeof path, "%s/frames/%.4s-%ux%u/%02d", device_folder, (char *)&shape.format, shape.width, shape.height,
                 frame < 0 ? 0 : frame);
        file = fopen(path, "rb");
    }
    used[number] = fread(pixels + number * buffer_bytes, 1, shape.bytes, file);
    fclose(file);
    return 0;
}

int buffers_exist(void) { return count > 0; }

int buffers_request(struct handle *handle, struct v4l2_requestbuffers *wish) {
    if (wish->memory != V4L2_MEMORY_MMAP || wish->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
    if (device_is_taken() || (owner && owner != handle)) return fail(EBUSY);
    if (owner) release();
    if (!wish->count) return 0;
    count = wish->count = wish->count > MOST_BUFFERS ? MOST_BUFFERS : wish->count < 2 ? 2 : wish->count;
    shape = device_shape(device->format, device->width, device->height);
    buffer_bytes = (shape.bytes + 4095) / 4096 * 4096;
    memory = memfd_create("v4l2 device", MFD_CLOEXEC);
    if (ftruncate(memory, (off_t)(count * buffer_bytes))) return -1;
    pixels = mmap(NULL, count * buffer_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    for (int i = 0; i < count; i++)
        if (fill(i)) return -1;
    owner = handle;
    device->owner = (uint32_t)getpid();
    return 0;
}

static int position(const int *list, int length, int number) {
    for (int i = 0; i < length; i++)
        if (list[i] == number) return i;
    return -1;
}

int buffers_describe(struct v4l2_buffer *buffer) {
    int number = (int)buffer->index;
    if (number < 0 || number >= count) return fail(EINVAL);
    buffer->memory = V4L2_MEMORY_MMAP;
    buffer->field = V4L2_FIELD_NONE;
    buffer->length = (uint32_t)buffer_bytes;
    buffer->m.offset = (uint32_t)(number * buffer_bytes);
    buffer->flags = V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    if (position(queue, queued, number) >= 0) buffer->flags |= V4L2_BUF_FLAG_QUEUED;
    if (position(arrived, done, number) >= 0) buffer->flags |= V4L2_BUF_FLAG_DONE;
    return 0;
}

int buffers_queue(struct v4l2_buffer *buffer) {
    int result = 0, number = (int)buffer->index;
    pthread_mutex_lock(&lock);
    catch_up(); /* the frames that found no buffer do not get this one */
    if (number < 0 || number >= count || position(queue, queued, number) >= 0 || position(arrived, done, number) >= 0)
        result = fail(EINVAL);
    else
        queue[queued++] = number;
    pthread_mutex_unlock(&lock);
    return result;
}

/* Write the time of a frame into the comment that the JPEGs of the benchmark have, in seconds of the wall clock. */
static void stamp(int number, long long taken) {
    unsigned char *comment = memmem(pixels + number * buffer_bytes, 64, STAMP, strlen(STAMP));
    char text[32];
    if (!comment) return;
    taken += now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC);
    snprintf(text, sizeof text, "%010lld.%06lld", taken / SECOND, taken % SECOND / 1000);
    memcpy(comment + strlen(STAMP), text, 17);
}

static void hand_over(struct v4l2_buffer *buffer) {
    long long taken = times[0];
    int number = arrived[0];
    buffer->sequence = sequences[0];
    done--;
    memmove(arrived, arrived + 1, (size_t)done * sizeof *arrived);
    memmove(times, times + 1, (size_t)done * sizeof *times);
    memmove(sequences, sequences + 1, (size_t)done * sizeof *sequences);
    buffer->index = (uint32_t)number;
    buffers_describe(buffer);
    buffer->bytesused = (uint32_t)used[number];
    buffer->timestamp.tv_sec = taken / SECOND;
    buffer->timestamp.tv_usec = taken % SECOND / 1000;
    stamp(number, taken);
    device->delivered++;
    if (!device->damaged) return;
    device->damaged--;
    if (device->damage == MARKED) buffer->flags |= V4L2_BUF_FLAG_ERROR;
    else buffer->bytesused = device->damage == EMPTY ? 0 : buffer->bytesused / 2;
}

int buffers_dequeue(struct handle *handle, struct v4l2_buffer *buffer) {
    unsigned long long expired;
    for (;;) {
        pthread_mutex_lock(&lock);
        if (handle == owner && device->streaming && device_is_alive(handle)) catch_up();
        else return pthread_mutex_unlock(&lock), fail(device_is_alive(handle) ? EINVAL : ENODEV);
        if (done) break;
        pthread_mutex_unlock(&lock);
        if (read(handle->fd, &expired, sizeof expired) < 0) return -1; /* it waits, or says EAGAIN */
    }
    hand_over(buffer);
    rearm(handle->fd);
    pthread_mutex_unlock(&lock);
    return 0;
}

int stream_set(struct handle *handle, int on) {
    if (device->busy || handle != owner) return fail(device->busy ? EBUSY : EINVAL);
    if (on && device->start_error) return fail((int)device->start_error);
    pthread_mutex_lock(&lock);
    if (on && device->stall == STALLED_UNTIL_RESTART) device->stall = FLOWING;
    interval = SECOND / (device->rate ? device->rate : device->rates[0]);
    started = on && !device->stall ? now(CLOCK_MONOTONIC) : 0;
    ticks = done = 0;
    sequence = (uint32_t)-1;
    if (!on) queued = 0;
    device->streaming = (uint32_t)on;
    device->starts += (uint32_t)on;
    rearm(handle->fd);
    pthread_mutex_unlock(&lock);
    return 0;
}
