/* The state of the device, in the file `state` of its folder, which all programs and the test map. device.py has the same. */
#ifndef SHARED_H
#define SHARED_H
#include <stdint.h>

#define MOST_FORMATS 8
#define MOST_SIZES 4
#define MOST_RATES 4
#define MOST_CONTROLS 16
#define MOST_ITEMS 6

enum stall { FLOWING, STALLED, STALLED_UNTIL_RESTART };
enum damage { CUT_OFF, EMPTY, MARKED };

struct control {
    uint32_t id, type, flags;
    int32_t minimum, maximum, step, initial, value;
    uint32_t master; /* the control that must have a value before this one may be set; 0: none */
    int32_t master_value;
    uint32_t sets; /* how often a program has set it */
    char name[32];
    char items[MOST_ITEMS][32]; /* of a menu, from value 0 on; an empty one does not exist */
};

struct shared {
    /* what the test decides */
    uint32_t plugs;      /* how often it was plugged in */
    uint32_t plugged;    /* the same; 0 while it is unplugged */
    uint32_t stall;      /* enum stall */
    uint32_t damaged;    /* the number of frames that will be damaged */
    uint32_t damage;     /* how: enum damage */
    uint32_t busy;       /* whether another program uses it */
    uint32_t start_error; /* errno of VIDIOC_STREAMON; 0: it succeeds */
    uint32_t padding;    /* bytes after each line of uncompressed frames */
    uint32_t quantization; /* enum v4l2_quantization, which G_FMT reports */
    uint32_t formats[MOST_FORMATS], sizes[MOST_SIZES][2], rates[MOST_RATES]; /* 0 ends each list */
    /* what programs have done */
    uint32_t owner; /* the process that has its buffers */
    uint32_t opened, streaming, starts, delivered, lost, format, width, height, rate;
    struct control controls[MOST_CONTROLS]; /* id 0 ends the list */
};
#endif
