/* The clients: streams, slow readers, readers that stop, and snapshots in a loop; one thread, JSON on stdout.
 *
 *   load --port 18081 --stream /stream.mjpg --clients 10 --slow 5 --slow-rate 100000 --warmup 2 --seconds 8
 *
 * Bodies are discarded in the kernel (MSG_TRUNC), so that the clients use little CPU. The lines "begin" and "end" mark the
 * measured time for the program that samples the server; the JSON follows. It ends by itself.
 *
 * The capture time of a frame is the last X-Timestamp before or at the begin of its bytes: a header of the part, or a
 * comment in the JPEG, which the camera writes for servers that stamp parts when they send them. 0 means none. If
 * ustreamer encodes, it sends a Grab-Time instead: seconds of CLOCK_MONOTONIC_RAW, which are fewer than the wall clock's.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CLIENTS 2000
#define MOST_SECONDS 600
#define MOST_ERRORS 100 /* then give up on a server that rejects connections */
#define SMALL_RECEIVE_BUFFER 65536
#define SLOW_TICK 0.02
#define STAYS_ON 0.5 /* seconds after the end, so that the last sample shows the server at work, not closing connections */
#define WALL_CLOCK_SINCE 1e9 /* seconds since boot are fewer */

typedef enum { NORMAL, SLOW, STOPPED, SNAPSHOT, KINDS } Kind;
static const char *kind_names[KINDS] = {"normal", "slow", "stopped", "snapshots"};

typedef struct {
    float *values;
    size_t count, room;
} Samples;

typedef struct {
    int fd;
    Kind kind;
    enum { ANSWER, PART, BODY, GONE } state;
    char line[1024];
    size_t line_length;
    char first[64]; /* bytes of the body, where the camera's comment would be */
    size_t length, rest;
    int status, is_copy, must_close;
    double stamp, asked_at, last_at, budget;
    long frames, copies, bytes;
} Client;

static double port = 0, counts[KINDS], slow_rate = 100000, keep_alive = 0, warmup = 2, seconds = 8, ramp_ms = 3;
static const char *stream_path = "/", *snapshot_path = "/";
static Client *clients;
static int total, poller, errors, measuring;
static Samples gaps[KINDS], ages[KINDS];

static double clock_of(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double now(void) { return clock_of(CLOCK_MONOTONIC); }

static void add(Samples *samples, double value) {
    if (samples->count == samples->room) {
        samples->room = samples->room ? samples->room * 2 : 1024;
        samples->values = realloc(samples->values, samples->room * sizeof(float));
    }
    samples->values[samples->count++] = value;
}

static void leave(Client *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->state = GONE;
}

static void fail(Client *c, const char *why) {
    if (errors++ < 5) fprintf(stderr, "load: a %s client: %s\n", kind_names[c->kind], why);
    leave(c);
}

static void ask(Client *c) {
    char request[1024];
    int is_snapshot = c->kind == SNAPSHOT;
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: %s\r\n\r\n",
                          is_snapshot ? snapshot_path : stream_path, is_snapshot && !keep_alive ? "close" : "keep-alive");
    c->state = ANSWER;
    c->status = c->is_copy = c->must_close = 0;
    c->line_length = c->length = c->rest = 0;
    c->stamp = 0;
    c->asked_at = now();
    if (send(c->fd, request, length, MSG_NOSIGNAL) != length) fail(c, "cannot ask");
}

static void join(Client *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((int)port)};
    int small = SMALL_RECEIVE_BUFFER;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* only this machine */
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->kind == SLOW || c->kind == STOPPED) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) {
        fail(c, strerror(errno));
        return;
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (c->kind == NORMAL || c->kind == SNAPSHOT) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
    }
    ask(c);
}

static void look_for_stamp(Client *c, const char *text, size_t length) {
    const char *found = memmem(text, length, "X-Timestamp: ", 13);
    char digits[32] = "";
    if (!found) return;
    memcpy(digits, found + 13, length - (found + 13 - text) < 31 ? length - (found + 13 - text) : 31);
    if (strtod(digits, NULL) > 0) c->stamp = strtod(digits, NULL);
}

/* A frame is complete. */
static void take(Client *c) {
    double at = now();
    look_for_stamp(c, c->first, c->length < sizeof c->first ? c->length : sizeof c->first);
    if (c->is_copy) {
        c->copies += measuring;
    } else if (measuring) {
        double since = c->kind == SNAPSHOT ? c->asked_at : c->last_at;
        c->frames++;
        c->bytes += c->length;
        if (since) add(&gaps[c->kind], (at - since) * 1000);
        if (c->stamp) {
            clockid_t clock = c->stamp < WALL_CLOCK_SINCE ? CLOCK_MONOTONIC_RAW : CLOCK_REALTIME;
            add(&ages[c->kind], (clock_of(clock) - c->stamp) * 1000);
        }
    }
    if (!c->is_copy) c->last_at = at;
    c->state = PART;
    c->is_copy = 0;
    c->length = c->stamp = 0;
    if (c->kind != SNAPSHOT) return;
    if (keep_alive && !c->must_close) {
        ask(c);
        return;
    }
    leave(c);
    join(c);
}

/* A header line is complete; an empty one ends the headers. */
static void read_line(Client *c) {
    char *line = c->line, *value;
    if (c->line_length && line[c->line_length - 1] == '\r') c->line_length--;
    line[c->line_length] = 0;
    if (c->line_length) {
        value = strchr(line, ':');
        if (!strncmp(line, "HTTP/1.", 7)) c->status = atoi(line + 9);
        if (!strncasecmp(line, "Content-Length:", 15)) c->length = strtoul(value + 1, NULL, 10);
        if (!strncasecmp(line, "Connection:", 11)) c->must_close = strcasestr(value, "close") != NULL;
        if (!strncasecmp(line, "X-UStreamer-Grab-Time:", 22)) c->stamp = strtod(value + 1, NULL);
        if (!strncmp(line, "X-Frame:", 8)) c->is_copy = 1; /* repeats and placeholders are not delivered frames */
        if (!strncasecmp(line, "Transfer-Encoding:", 18)) fail(c, "chunked answers are not understood");
        if (!c->stamp || c->stamp >= WALL_CLOCK_SINCE) look_for_stamp(c, line, c->line_length);
    } else if (c->state == ANSWER && c->status != 200) {
        fail(c, "the answer is not 200");
    } else if (c->state == ANSWER && c->kind != SNAPSHOT) {
        c->state = PART;
        c->length = 0;
    } else if (c->length) { /* empty lines may also precede a boundary */
        c->state = BODY;
        c->rest = c->length;
    }
    c->line_length = 0;
}

static void digest(Client *c, const char *bytes, size_t count) {
    while (count && c->state != GONE) {
        if (c->state == BODY) {
            size_t part = count < c->rest ? count : c->rest, done = c->length - c->rest;
            if (done < sizeof c->first)
                memcpy(c->first + done, bytes, part < sizeof c->first - done ? part : sizeof c->first - done);
            c->rest -= part, bytes += part, count -= part;
            if (!c->rest) take(c);
            continue;
        }
        if (*bytes == '\n') {
            read_line(c);
        } else if (c->line_length < sizeof c->line - 1) {
            c->line[c->line_length++] = *bytes;
        } else {
            fail(c, "a header is too long");
        }
        bytes++, count--;
    }
}

/* Read up to a number of bytes; return how many were read. */
static ssize_t receive(Client *c, size_t most) {
    char bytes[1024];
    ssize_t got;
    if (c->state == BODY && c->length - c->rest >= sizeof c->first) {
        got = recv(c->fd, NULL, c->rest < most ? c->rest : most, MSG_TRUNC);
        if (got > 0 && !(c->rest -= got)) take(c);
    } else {
        got = recv(c->fd, bytes, most < sizeof bytes ? most : sizeof bytes, 0);
        if (got > 0) digest(c, bytes, got);
    }
    if (got == 0) fail(c, "the server closed the connection");
    if (got < 0 && errno != EAGAIN) fail(c, strerror(errno));
    return got;
}

static void run_until(double end) {
    struct epoll_event events[256];
    double ticked = now(), at;
    while ((at = now()) < end && errors < MOST_ERRORS) {
        int count = epoll_wait(poller, events, 256, 5);
        for (int i = 0; i < count; i++) {
            Client *c = events[i].data.ptr;
            int fd = c->fd;
            while (c->fd == fd && fd >= 0 && receive(c, 1 << 20) > 0)
                if (c->kind == SNAPSHOT && c->state == ANSWER) break; /* it has just sent a new request */
        }
        if (at - ticked < SLOW_TICK) continue;
        for (int i = 0; i < total; i++) {
            Client *c = &clients[i];
            if (c->kind != SLOW || c->fd < 0) continue;
            c->budget += slow_rate * (at - ticked);
            while (c->fd >= 0 && c->budget >= 1) {
                ssize_t got = receive(c, (size_t)c->budget);
                if (got <= 0) break;
                c->budget -= got;
            }
            if (c->budget > slow_rate) c->budget = slow_rate; /* unused budget of more than a second is lost */
        }
        ticked = at;
    }
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_samples(const char *name, Samples *samples) {
    size_t n = samples->count;
    if (!n) {
        printf(", \"%s\": null", name);
        return;
    }
    qsort(samples->values, n, sizeof(float), by_value);
    printf(", \"%s\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}", name, samples->values[n / 2],
           samples->values[(size_t)(0.99 * (n - 1))], samples->values[n - 1]);
}

static void print_kind(Kind kind, double lasted) {
    Samples rates = {0};
    long frames = 0, copies = 0, bytes = 0;
    int gone = 0;
    for (int i = 0; i < total; i++) {
        Client *c = &clients[i];
        if (c->kind != kind) continue;
        frames += c->frames, copies += c->copies, bytes += c->bytes;
        gone += c->state == GONE;
        add(&rates, c->frames / lasted);
    }
    qsort(rates.values, rates.count, sizeof(float), by_value);
    printf(", \"%s\": {\"clients\": %zu, \"gone\": %d, \"frames\": %ld, \"copies\": %ld, \"bytes\": %ld", kind_names[kind],
           rates.count, gone, frames, copies, bytes);
    if (rates.count)
        printf(", \"fps_min\": %.2f, \"fps_median\": %.2f", rates.values[0], rates.values[rates.count / 2]);
    print_samples(kind == SNAPSHOT ? "latency_ms" : "gap_ms", &gaps[kind]);
    print_samples("age_ms", &ages[kind]);
    printf("}");
}

static void read_arguments(int count, char **words) {
    struct { const char *name; double *number; const char **text; } known[] = {
        {"--port", &port, 0}, {"--stream", 0, &stream_path}, {"--snapshot", 0, &snapshot_path},
        {"--clients", &counts[NORMAL], 0}, {"--slow", &counts[SLOW], 0}, {"--stopped", &counts[STOPPED], 0},
        {"--snapshots", &counts[SNAPSHOT], 0}, {"--slow-rate", &slow_rate, 0}, {"--keep-alive", &keep_alive, 0},
        {"--warmup", &warmup, 0}, {"--seconds", &seconds, 0}, {"--ramp-ms", &ramp_ms, 0},
    };
    size_t i;
    for (int word = 1; word < count; word += 2) {
        for (i = 0; i < sizeof known / sizeof *known && strcmp(known[i].name, words[word]); i++) {}
        if (i == sizeof known / sizeof *known || word + 1 == count) {
            fprintf(stderr, "load: what is %s?\n", words[word]);
            exit(2);
        }
        if (known[i].text) *known[i].text = words[word + 1];
        else *known[i].number = atof(words[word + 1]);
    }
    for (int kind = 0; kind < KINDS; kind++) total += counts[kind];
    if (!port || total > MOST_CLIENTS || warmup + seconds > MOST_SECONDS) {
        fprintf(stderr, "load: a --port, at most %d clients, at most %d seconds\n", MOST_CLIENTS, MOST_SECONDS);
        exit(2);
    }
}

int main(int count, char **words) {
    double began, lasted, cpu;
    read_arguments(count, words);
    alarm((unsigned)(warmup + seconds + total * ramp_ms / 1000) + 30); /* end in any case */
    poller = epoll_create1(EPOLL_CLOEXEC);
    clients = calloc(total + 1, sizeof *clients);
    for (int kind = 0, i = 0; kind < KINDS; kind++)
        for (int left = (int)counts[kind]; left; left--) clients[i++].kind = kind;
    for (int i = 0; i < total; i++) {
        join(&clients[i]);
        run_until(now() + ramp_ms / 1000);
    }
    run_until(now() + warmup);
    puts("begin");
    fflush(stdout);
    measuring = 1;
    cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    began = now();
    run_until(began + seconds);
    lasted = now() - began;
    cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    measuring = 0;
    puts("end");
    fflush(stdout);
    run_until(now() + STAYS_ON);
    printf("{\"seconds\": %.6f, \"cpu\": %.6f, \"errors\": %d", lasted, cpu, errors);
    for (int kind = 0; kind < KINDS; kind++) print_kind(kind, lasted);
    puts("}");
    return errors >= MOST_ERRORS;
}
