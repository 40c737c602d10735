/* The floor: a plain C program that sends the same frames to N clients; one thread, no options, almost no HTTP.
 *
 *   floor PORT FOLDER FPS
 *
 * Each frame becomes one shared part. A client that is still receiving the previous part drops it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MOST_PICTURES 256
#define BOUNDARY "floorframe"
#define BACKLOG 1024
static const char *OPENING = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=" BOUNDARY
                             "\r\nCache-Control: no-store\r\n\r\n--" BOUNDARY "\r\n";

typedef struct {
    char *bytes;
    size_t length;
    int users;
} Part;

typedef struct Client {
    struct Client *next, *previous;
    int socket, streams, waits; /* waits: for room in the socket */
    Part *part;                 /* the part being sent */
    size_t sent;
} Client;

static char *pictures[MOST_PICTURES];
static size_t lengths[MOST_PICTURES];
static int picture_count, poller;
static Client *clients;

static void give_up(const char *what) {
    perror(what);
    exit(1);
}

static void drop(Part *part) {
    if (!part || --part->users) return;
    free(part->bytes);
    free(part);
}

static void read_pictures(const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) give_up(folder);
    for (int i = 0; i < count && picture_count < MOST_PICTURES; i++) {
        char path[1024];
        FILE *file;
        if (!strstr(entries[i]->d_name, ".jpg")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (!(file = fopen(path, "rb"))) give_up(path);
        fseek(file, 0, SEEK_END);
        lengths[picture_count] = ftell(file);
        rewind(file);
        pictures[picture_count] = malloc(lengths[picture_count]);
        if (fread(pictures[picture_count], 1, lengths[picture_count], file) != lengths[picture_count]) give_up(path);
        fclose(file);
        picture_count++;
    }
    if (!picture_count) give_up("no pictures");
}

static Part *make_part(int picture) {
    Part *part = malloc(sizeof *part);
    size_t length = lengths[picture], head;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    part->bytes = malloc(length + 256);
    part->users = 1;
    head = sprintf(part->bytes, "Content-Type: image/jpeg\r\nContent-Length: %zu\r\nX-Timestamp: %ld.%06ld\r\n\r\n", length,
                   (long)t.tv_sec, t.tv_nsec / 1000);
    memcpy(part->bytes + head, pictures[picture], length);
    part->length = head + length + sprintf(part->bytes + head + length, "\r\n--" BOUNDARY "\r\n");
    return part;
}

static void leave(Client *c) {
    close(c->socket);
    drop(c->part);
    if (c->next) c->next->previous = c->previous;
    if (c->previous) c->previous->next = c->next;
    else clients = c->next;
    free(c);
}

/* Send as much of a client's part as the socket accepts; return whether the client is still connected. */
static int push(Client *c) {
    int waits = 0;
    while (c->part) {
        size_t left = c->part->length - c->sent;
        ssize_t sent = send(c->socket, c->part->bytes + c->sent, left, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            waits = 1;
            break;
        }
        if (sent < 0) {
            leave(c);
            return 0;
        }
        c->sent += sent;
        if (c->sent < c->part->length) continue;
        drop(c->part);
        c->part = NULL;
    }
    if (waits != c->waits) {
        struct epoll_event event = {.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_MOD, c->socket, &event);
        c->waits = waits;
    }
    return 1;
}

static void welcome(int listener) {
    int on = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        Client *c = calloc(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->socket = fd;
        c->next = clients;
        if (clients) clients->previous = c;
        clients = c;
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

/* Read from a client: the first bytes are the request, whatever they are; the end of the data ends the connection. */
static void listen_to(Client *c) {
    char words[4096];
    ssize_t count = recv(c->socket, words, sizeof words, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN)) {
        leave(c);
    } else if (count > 0 && !c->streams) {
        c->streams = send(c->socket, OPENING, strlen(OPENING), MSG_NOSIGNAL) > 0;
    }
}

int main(int count, char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct itimerspec interval = {0};
    struct epoll_event events[256], event = {.events = EPOLLIN};
    int listener, timer, on = 1, picture = 0;
    if (count != 4) {
        fprintf(stderr, "floor PORT FOLDER FPS\n");
        return 2;
    }
    read_pictures(words[2]);
    poller = epoll_create1(EPOLL_CLOEXEC);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    address.sin_port = htons(atoi(words[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, BACKLOG)) give_up("listen");
    event.data.ptr = &listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);

    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    interval.it_interval.tv_nsec = interval.it_value.tv_nsec = (long)(1e9 / atof(words[3])) - 1;
    timerfd_settime(timer, 0, &interval, NULL);
    event.data.ptr = &timer;
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);

    for (;;) {
        int ready = epoll_wait(poller, events, 256, -1), is_time = 0;
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &listener) welcome(listener);
            else if (events[i].data.ptr == &timer) is_time = 1;
            else if (!(events[i].events & EPOLLOUT) || push(events[i].data.ptr))
                if (events[i].events & ~EPOLLOUT) listen_to(events[i].data.ptr);
        }
        if (is_time) { /* after the clients' events: it may end clients */
            unsigned long long ticks;
            Part *part;
            if (read(timer, &ticks, sizeof ticks) < 0) continue;
            part = make_part(picture++ % picture_count);
            for (Client *c = clients, *next; c; c = next) {
                next = c->next;
                if (c->part || !c->streams) continue;
                c->part = part;
                c->sent = 0;
                part->users++;
                push(c);
            }
            drop(part);
        }
    }
}
