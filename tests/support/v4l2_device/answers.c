/* What the device answers to each ioctl, except those about its buffers. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int length(const uint32_t *list, int most) {
    int found = 0;
    while (found < most && list[found]) found++;
    return found;
}

static int is_jpeg(uint32_t format) { return format == V4L2_PIX_FMT_MJPEG || format == V4L2_PIX_FMT_JPEG; }

struct shape device_shape(uint32_t format, uint32_t width, uint32_t height) {
    struct shape shape = {format, width, height, 0, width * height * 2};
    uint32_t packed = format == V4L2_PIX_FMT_YUYV || format == V4L2_PIX_FMT_UYVY;
    if (is_jpeg(format)) return shape;
    shape.line = width * (packed ? 2 : 1) + device->padding;
    shape.bytes = shape.line * height;
    if (!packed && format != V4L2_PIX_FMT_GREY) shape.bytes += shape.bytes / 2;
    return shape;
}

/* Agree on the nearest format: the first one for one that is not there, the size with the least difference. */
static int agree(struct v4l2_format *wish, unsigned request) {
    struct v4l2_pix_format *pix = &wish->fmt.pix;
    uint32_t format = device->formats[0], best = 0, least = UINT32_MAX;
    struct shape shape;
    if (wish->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
    if (request == VIDIOC_S_FMT && (device_is_taken() || buffers_exist())) return fail(EBUSY);
    if (request == VIDIOC_G_FMT) {
        shape = device_shape(device->format ? device->format : format, device->width ? device->width : device->sizes[0][0],
                             device->height ? device->height : device->sizes[0][1]);
    } else {
        for (int i = 0; i < MOST_FORMATS; i++)
            if (device->formats[i] && device->formats[i] == pix->pixelformat) format = pix->pixelformat;
        for (uint32_t i = 0; i < MOST_SIZES && device->sizes[i][0]; i++) {
            uint32_t off = (uint32_t)(abs((int)(device->sizes[i][0] - pix->width)) + abs((int)(device->sizes[i][1] - pix->height)));
            if (off < least) least = off, best = i;
        }
        shape = device_shape(format, device->sizes[best][0], device->sizes[best][1]);
    }
    if (request == VIDIOC_S_FMT) device->format = shape.format, device->width = shape.width, device->height = shape.height;
    *pix = (struct v4l2_pix_format){.width = shape.width, .height = shape.height, .pixelformat = shape.format,
        .field = V4L2_FIELD_NONE, .bytesperline = shape.line, .sizeimage = shape.bytes,
        .colorspace = is_jpeg(shape.format) ? V4L2_COLORSPACE_JPEG : V4L2_COLORSPACE_SRGB, .priv = V4L2_PIX_FMT_PRIV_MAGIC,
        .quantization = device->quantization};
    return 0;
}

static int agree_on_rate(struct v4l2_streamparm *wish, int set) {
    struct v4l2_captureparm *capture = &wish->parm.capture;
    uint32_t best = device->rates[0];
    if (wish->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
    if (set && (device_is_taken() || buffers_exist())) return fail(EBUSY);
    if (set && capture->timeperframe.numerator) {
        double asked = (double)capture->timeperframe.denominator / capture->timeperframe.numerator;
        for (int i = 0; i < MOST_RATES && device->rates[i]; i++) {
            double off = asked - device->rates[i], least = asked - best;
            if (off * off < least * least) best = device->rates[i];
        }
    }
    if (set || !device->rate) device->rate = best;
    memset(&wish->parm, 0, sizeof wish->parm);
    capture->capability = V4L2_CAP_TIMEPERFRAME;
    capture->timeperframe = (struct v4l2_fract){1, device->rate};
    return 0;
}

static int describe(struct v4l2_capability *answer) {
    memset(answer, 0, sizeof *answer);
    strcpy((char *)answer->driver, "uvcvideo");
    strcpy((char *)answer->card, "Test camera: a webcam");
    strcpy((char *)answer->bus_info, "usb-test-1");
    answer->version = 6 << 16;
    answer->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING | V4L2_CAP_EXT_PIX_FORMAT;
    answer->capabilities = answer->device_caps | V4L2_CAP_DEVICE_CAPS;
    return 0;
}

static int list_format(struct v4l2_fmtdesc *entry) {
    uint32_t index = entry->index;
    if (entry->type != V4L2_BUF_TYPE_VIDEO_CAPTURE || index >= (uint32_t)length(device->formats, MOST_FORMATS)) return fail(EINVAL);
    entry->pixelformat = device->formats[index];
    entry->flags = is_jpeg(entry->pixelformat) ? V4L2_FMT_FLAG_COMPRESSED : 0;
    snprintf((char *)entry->description, sizeof entry->description, "%.4s", (char *)&entry->pixelformat);
    return 0;
}

static int has_format(uint32_t format) {
    for (int i = 0; i < MOST_FORMATS; i++)
        if (format && device->formats[i] == format) return 1;
    return 0;
}

static int list_size(struct v4l2_frmsizeenum *entry) {
    if (!has_format(entry->pixel_format) || entry->index >= MOST_SIZES || !device->sizes[entry->index][0]) return fail(EINVAL);
    entry->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    entry->discrete.width = device->sizes[entry->index][0];
    entry->discrete.height = device->sizes[entry->index][1];
    return 0;
}

static int list_interval(struct v4l2_frmivalenum *entry) {
    int has_size = 0;
    for (int i = 0; i < MOST_SIZES; i++)
        has_size |= entry->width && device->sizes[i][0] == entry->width && device->sizes[i][1] == entry->height;
    if (!has_format(entry->pixel_format) || !has_size || entry->index >= (uint32_t)length(device->rates, MOST_RATES))
        return fail(EINVAL);
    entry->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    entry->discrete = (struct v4l2_fract){1, device->rates[entry->index]};
    return 0;
}

static int use_input(unsigned request, void *argument) {
    struct v4l2_input *input = argument;
    if (request == VIDIOC_G_INPUT) return *(int *)argument = 0;
    if (request == VIDIOC_S_INPUT) return *(int *)argument ? fail(EINVAL) : 0;
    if (input->index) return fail(EINVAL);
    strcpy((char *)input->name, "Camera 1");
    input->type = V4L2_INPUT_TYPE_CAMERA;
    return 0;
}

int device_answer(struct handle *handle, unsigned request, void *argument) {
    if (!device_is_alive(handle)) return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: return describe(argument);
    case VIDIOC_ENUM_FMT: return list_format(argument);
    case VIDIOC_ENUM_FRAMESIZES: return list_size(argument);
    case VIDIOC_ENUM_FRAMEINTERVALS: return list_interval(argument);
    case VIDIOC_G_FMT: case VIDIOC_S_FMT: case VIDIOC_TRY_FMT: return agree(argument, request);
    case VIDIOC_G_PARM: case VIDIOC_S_PARM: return agree_on_rate(argument, request == VIDIOC_S_PARM);
    case VIDIOC_ENUMINPUT: case VIDIOC_G_INPUT: case VIDIOC_S_INPUT: return use_input(request, argument);
    case VIDIOC_REQBUFS: return buffers_request(handle, argument);
    case VIDIOC_QUERYBUF: return buffers_describe(argument);
    case VIDIOC_QBUF: return buffers_queue(argument);
    case VIDIOC_DQBUF: return buffers_dequeue(handle, argument);
    case VIDIOC_STREAMON: case VIDIOC_STREAMOFF: return stream_set(handle, request == VIDIOC_STREAMON);
    default: return controls_answer(request, argument);
    }
}
