/* A camera for programs that read V4L2, on a machine without one: LD_PRELOAD it.
 *
 *   LD_PRELOAD=fake_camera.so FAKE_CAMERA=FILE FAKE_CAMERA_FOLDER=FOLDER FAKE_CAMERA_FPS=30 ustreamer --device FILE ...
 *
 * Opening FILE (an ordinary, empty one) gives a timerfd: like a camera it becomes readable FPS times a second and is
 * never writable, so `select`, `poll` and `close` need no changes. FOLDER has WxH.yuyv and *.jpg; buffers are filled when
 * they are requested and never copied, because a camera's DMA costs its reader nothing.
 *
 * The time of a frame is that of its tick. JPEGs have it in their comment "X-Timestamp: ...", in seconds of the wall clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 1280
#define HEIGHT 720
#define PICTURE_BYTES (WIDTH * HEIGHT * 2)
#define BUFFER_BYTES ((PICTURE_BYTES + 4095) / 4096 * 4096)
#define MOST_BUFFERS 16
#define STAMP "X-Timestamp: "

static int device = -1, memory = -1, buffer_count, queue[MOST_BUFFERS], queued;
static unsigned format = V4L2_PIX_FMT_YUYV, sequence;
static long interval;
static struct timespec started;
static unsigned char *pixels;
static size_t used[MOST_BUFFERS];

static int fail(int error) {
    errno = error;
    return -1;
}

static int is_jpeg(void) { return format != V4L2_PIX_FMT_YUYV; }

static const char *told(const char *name) {
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "fake_camera: %s is not set\n", name);
        exit(1);
    }
    return value;
}

static int open_device(int flags) {
    interval = 1000000000L / atol(told("FAKE_CAMERA_FPS"));
    return device = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | (flags & O_NONBLOCK ? TFD_NONBLOCK : 0));
}

static int start(int on) {
    struct itimerspec ticks = {0};
    clock_gettime(CLOCK_MONOTONIC, &started);
    sequence = 0;
    if (on) ticks.it_interval.tv_nsec = ticks.it_value.tv_nsec = interval;
    return timerfd_settime(device, 0, &ticks, NULL);
}

/* Fill buffer N with frame N. */
static void fill(int number) {
    char path[1024];
    unsigned char *bytes = pixels + (size_t)number * BUFFER_BYTES;
    FILE *file;
    if (is_jpeg()) snprintf(path, sizeof path, "%s/%02d.jpg", told("FAKE_CAMERA_FOLDER"), number);
    else snprintf(path, sizeof path, "%s/%dx%d.yuyv", told("FAKE_CAMERA_FOLDER"), WIDTH, HEIGHT);
    if (!(file = fopen(path, "rb"))) {
        perror(path);
        exit(1);
    }
    if (!is_jpeg()) fseek(file, (long)number * PICTURE_BYTES, SEEK_SET);
    used[number] = fread(bytes, 1, PICTURE_BYTES, file);
    fclose(file);
}

static int request_buffers(struct v4l2_requestbuffers *wish) {
    if (wish->memory != V4L2_MEMORY_MMAP) return fail(EINVAL);
    if (wish->count > MOST_BUFFERS) wish->count = MOST_BUFFERS;
    buffer_count = wish->count;
    queued = 0;
    if (!buffer_count) return 0;
    if (memory >= 0) close(memory);
    memory = memfd_create("fake_camera", MFD_CLOEXEC);
    if (ftruncate(memory, (off_t)buffer_count * BUFFER_BYTES)) return -1;
    pixels = mmap(NULL, (size_t)buffer_count * BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    for (int i = 0; i < buffer_count; i++) fill(i);
    return 0;
}

static void describe(struct v4l2_buffer *buffer, unsigned number) {
    buffer->index = number;
    buffer->memory = V4L2_MEMORY_MMAP;
    buffer->field = V4L2_FIELD_NONE;
    buffer->flags = V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->length = BUFFER_BYTES;
    buffer->m.offset = number * BUFFER_BYTES;
}

/* Return the oldest buffer with the newest tick: no frame is older than the reader's own delay. */
static int dequeue(struct v4l2_buffer *buffer) {
    unsigned long long ticks;
    int number = queue[0];
    long long taken;
    if (!queued) return fail(EAGAIN);
    if (read(device, &ticks, sizeof ticks) != sizeof ticks) return -1;
    memmove(queue, queue + 1, --queued * sizeof *queue);
    sequence += ticks;
    taken = started.tv_sec * 1000000000LL + started.tv_nsec + (long long)sequence * interval;
    describe(buffer, number);
    buffer->bytesused = used[number];
    buffer->sequence = sequence;
    buffer->timestamp.tv_sec = taken / 1000000000;
    buffer->timestamp.tv_usec = taken % 1000000000 / 1000;
    if (is_jpeg()) {
        struct timespec wall, boot;
        char stamp[32];
        unsigned char *begin = pixels + (size_t)number * BUFFER_BYTES, *comment = memmem(begin, 64, STAMP, strlen(STAMP));
        clock_gettime(CLOCK_REALTIME, &wall);
        clock_gettime(CLOCK_MONOTONIC, &boot);
        taken += (wall.tv_sec - boot.tv_sec) * 1000000000LL + wall.tv_nsec - boot.tv_nsec;
        snprintf(stamp, sizeof stamp, "%010lld.%06lld", taken / 1000000000, taken % 1000000000 / 1000);
        if (comment) memcpy(comment + strlen(STAMP), stamp, 17);
    }
    return 0;
}

static void agree(struct v4l2_format *wish, int keep) {
    unsigned asked = wish->fmt.pix.pixelformat;
    if (keep) format = asked == V4L2_PIX_FMT_MJPEG || asked == V4L2_PIX_FMT_JPEG ? asked : V4L2_PIX_FMT_YUYV;
    wish->fmt.pix = (struct v4l2_pix_format){.width = WIDTH, .height = HEIGHT, .pixelformat = format,
        .field = V4L2_FIELD_NONE, .bytesperline = is_jpeg() ? 0 : WIDTH * 2, .sizeimage = PICTURE_BYTES,
        .colorspace = V4L2_COLORSPACE_JPEG};
}

static int control(unsigned request, void *what) {
    if (request == VIDIOC_QUERYCAP) {
        struct v4l2_capability *answer = what;
        memset(answer, 0, sizeof *answer);
        strcpy((char *)answer->driver, "fake_camera");
        strcpy((char *)answer->card, "fake camera");
        answer->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        answer->capabilities = answer->device_caps | V4L2_CAP_DEVICE_CAPS;
    } else if (request == VIDIOC_S_FMT || request == VIDIOC_G_FMT || request == VIDIOC_TRY_FMT) {
        agree(what, request == VIDIOC_S_FMT);
    } else if (request == VIDIOC_S_PARM || request == VIDIOC_G_PARM) {
        struct v4l2_streamparm *answer = what;
        answer->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        answer->parm.capture.timeperframe = (struct v4l2_fract){1, 1000000000L / interval};
    } else if (request == VIDIOC_REQBUFS) {
        return request_buffers(what);
    } else if (request == VIDIOC_QUERYBUF || request == VIDIOC_QBUF) {
        struct v4l2_buffer *buffer = what;
        if ((int)buffer->index >= buffer_count || queued == MOST_BUFFERS) return fail(EINVAL);
        if (request == VIDIOC_QBUF) queue[queued++] = buffer->index;
        else describe(buffer, buffer->index);
    } else if (request == VIDIOC_DQBUF) {
        return dequeue(what);
    } else if (request == VIDIOC_STREAMON || request == VIDIOC_STREAMOFF) {
        return start(request == VIDIOC_STREAMON);
    } else if (request != VIDIOC_S_INPUT) {
        return fail(ENOTTY);
    }
    return 0;
}

/* These functions replace those of the C library. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int ioctl(int fd, unsigned long request, ...) {
    static __typeof__(&ioctl) real;
    va_list rest;
    va_start(rest, request);
    void *what = va_arg(rest, void *);
    va_end(rest);
    if (fd >= 0 && fd == device) return control((unsigned)request, what);
    if (!real) real = REAL(ioctl);
    return real(fd, request, what);
}

static int open_as(const char *path, int flags, unsigned mode) {
    if (getenv("FAKE_CAMERA") && !strcmp(path, getenv("FAKE_CAMERA"))) return open_device(flags);
    return REAL(openat)(AT_FDCWD, path, flags, mode);
}

static unsigned mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, unsigned) : 0; }

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    unsigned mode = mode_of(flags, rest);
    va_end(rest);
    return open_as(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    unsigned mode = mode_of(flags, rest);
    va_end(rest);
    return open_as(path, flags | O_LARGEFILE, mode);
}

int __open_2(const char *path, int flags) { return open_as(path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_as(path, flags | O_LARGEFILE, 0); }

void *mmap(void *at, size_t length, int rights, int flags, int fd, off_t from) {
    static __typeof__(&mmap) real;
    if (!real) real = REAL(mmap);
    return real(at, length, rights, flags, fd >= 0 && fd == device ? memory : fd, from);
}

void *mmap64(void *at, size_t length, int rights, int flags, int fd, off_t from) {
    return mmap(at, length, rights, flags, fd, from);
}
