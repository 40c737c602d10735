/* The controls of the device, with the rules of the kernel's uvcvideo. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEXT (V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND)

static struct control *find(uint32_t id) {
    for (struct control *each = device->controls; each < device->controls + MOST_CONTROLS; each++)
        if (id && each->id == id) return each;
    return NULL;
}

/* Return the control of an id, or the one with the next higher id: the list is in the order of ids. */
static struct control *asked(uint32_t id) {
    if (!(id & NEXT)) return find(id);
    if (!(id & V4L2_CTRL_FLAG_NEXT_CTRL)) return NULL; /* it has no compound ones */
    for (struct control *each = device->controls; each < device->controls + MOST_CONTROLS; each++)
        if (each->id > (id & ~NEXT)) return each;
    return NULL;
}

static int is_inactive(const struct control *control) {
    struct control *master = find(control->master);
    return master && master->value != control->master_value;
}

static uint32_t flags_of(const struct control *control) {
    return control->flags | (is_inactive(control) ? V4L2_CTRL_FLAG_INACTIVE : 0);
}

static int query(struct v4l2_queryctrl *answer) {
    struct control *control = asked(answer->id);
    if (!control) return fail(EINVAL);
    memset(answer, 0, sizeof *answer);
    answer->id = control->id, answer->type = control->type, answer->flags = flags_of(control);
    memcpy(answer->name, control->name, sizeof answer->name);
    answer->minimum = control->minimum, answer->maximum = control->maximum, answer->step = control->step;
    answer->default_value = control->initial;
    return 0;
}

static int query_extended(struct v4l2_query_ext_ctrl *answer) {
    struct control *control = asked(answer->id);
    if (!control) return fail(EINVAL);
    memset(answer, 0, sizeof *answer);
    answer->id = control->id, answer->type = control->type, answer->flags = flags_of(control);
    memcpy(answer->name, control->name, sizeof answer->name);
    answer->minimum = control->minimum, answer->maximum = control->maximum, answer->step = (uint64_t)control->step;
    answer->default_value = control->initial;
    answer->elem_size = sizeof(int32_t), answer->elems = 1;
    return 0;
}

static int query_item(struct v4l2_querymenu *answer) {
    struct control *control = find(answer->id);
    if (!control || answer->index >= MOST_ITEMS || !control->items[answer->index][0]) return fail(EINVAL);
    if (control->type == V4L2_CTRL_TYPE_INTEGER_MENU) answer->value = atoll(control->items[answer->index]);
    else memcpy(answer->name, control->items[answer->index], sizeof answer->name);
    return 0;
}

static int get(uint32_t id, int32_t *value) {
    struct control *control = find(id);
    if (!control || control->type == V4L2_CTRL_TYPE_CTRL_CLASS) return fail(EINVAL);
    if (control->flags & V4L2_CTRL_FLAG_WRITE_ONLY) return fail(EACCES);
    *value = control->value;
    return 0;
}

static int set(uint32_t id, int32_t value) {
    struct control *control = find(id);
    if (!control || control->type == V4L2_CTRL_TYPE_CTRL_CLASS) return fail(EINVAL);
    if (control->flags & V4L2_CTRL_FLAG_READ_ONLY || is_inactive(control)) return fail(EACCES);
    if (control->flags & V4L2_CTRL_FLAG_GRABBED) return fail(EBUSY);
    if (control->type == V4L2_CTRL_TYPE_MENU || control->type == V4L2_CTRL_TYPE_INTEGER_MENU) {
        if (value < 0 || value >= MOST_ITEMS || !control->items[value][0]) return fail(value < 0 || value >= MOST_ITEMS ? ERANGE : EINVAL);
    } else {
        value = value < control->minimum ? control->minimum : value > control->maximum ? control->maximum : value;
        if (control->step > 1) value = control->minimum + (value - control->minimum) / control->step * control->step;
    }
    control->value = value;
    control->sets++;
    return 0;
}

static int all(struct v4l2_ext_controls *list, unsigned request) {
    for (uint32_t i = 0; i < list->count; i++) {
        struct v4l2_ext_control *each = list->controls + i;
        int32_t value = each->value;
        int result = request == VIDIOC_G_EXT_CTRLS ? get(each->id, &value)
            : request == VIDIOC_S_EXT_CTRLS        ? set(each->id, value)
                                                   : (find(each->id) ? 0 : fail(EINVAL));
        if (result) {
            list->error_idx = i;
            return result;
        }
        each->value = value;
    }
    return 0;
}

int controls_answer(unsigned request, void *argument) {
    struct v4l2_control *one = argument;
    switch (request) {
    case VIDIOC_QUERYCTRL: return query(argument);
    case VIDIOC_QUERY_EXT_CTRL: return query_extended(argument);
    case VIDIOC_QUERYMENU: return query_item(argument);
    case VIDIOC_G_CTRL: return get(one->id, &one->value);
    case VIDIOC_S_CTRL: return set(one->id, one->value);
    case VIDIOC_G_EXT_CTRLS: case VIDIOC_S_EXT_CTRLS: case VIDIOC_TRY_EXT_CTRLS: return all(argument, request);
    default: return fail(ENOTTY);
    }
}
