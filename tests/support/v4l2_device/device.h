/* The parts of the device: device.c has its buffers and its clock, answers.c its answers, replaced.c its way in. */
#ifndef DEVICE_H
#define DEVICE_H
#define _GNU_SOURCE
#include <errno.h>
#include <linux/videodev2.h>
#include <stddef.h>

#include "shared.h"

#define MOST_HANDLES 32

/* A program's descriptor of the device; it stays dead after the device was unplugged. */
struct handle {
    int fd;
    uint32_t plugged;
};

struct shape {
    uint32_t format, width, height, line, bytes;
};

extern struct shared *device;
extern char device_folder[];

int fail(int error);
void device_prepare(void);
int device_open(int flags);
void device_close(int fd);
struct handle *device_handle(int fd);
int device_is_alive(const struct handle *handle);
int device_is_taken(void);
int device_memory(void);
int device_answer(struct handle *handle, unsigned request, void *argument);

struct shape device_shape(uint32_t format, uint32_t width, uint32_t height);
int buffers_exist(void);
int buffers_request(struct handle *handle, struct v4l2_requestbuffers *wish);
int buffers_describe(struct v4l2_buffer *buffer);
int buffers_queue(struct v4l2_buffer *buffer);
int buffers_dequeue(struct handle *handle, struct v4l2_buffer *buffer);
int stream_set(struct handle *handle, int on);
int controls_answer(unsigned request, void *argument);
#endif
