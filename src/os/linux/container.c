/* SPDX-License-Identifier: MIT
 *
 * What this process runs in, by facts: the control group, what is mounted on
 * files that makers of containers provide, and the marks that they leave. The
 * environment is not asked: whoever starts a program sets it.
 *
 * A mark is a file of an image too, which may be the root of a whole machine.
 * So the marks count only where the kernel says that one of the namespaces is
 * not the first of its kind: those have fixed numbers.
 */
#define _GNU_SOURCE
#include "container.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

/* What is known, from file to file. */
struct finding {
    const char *root;
    weft_system *system;
    bool is_known;
};

static void conclude(struct finding *finding, weft_container container,
                     const char *fact)
{
    if (!finding->is_known) {
        finding->is_known = true;
        finding->system->container = container;
        (void)snprintf(finding->system->container_fact,
                       sizeof(finding->system->container_fact), "%s", fact);
    }
}

static bool exists(const struct finding *finding, const char *path)
{
    char whole[PATH_MAX];
    struct stat info;

    (void)snprintf(whole, sizeof(whole), "%s%s", finding->root, path);
    return lstat(whole, &info) == 0;
}

/* --------------------------------------------------------------- mounts --- */

static bool judge_mount(void *context, const struct weftos_mount *mount)
{
    struct finding *finding = context;

    if (strcmp(mount->type, "fuse.lxcfs") == 0) {
        conclude(finding, WEFT_CONTAINER_LXC, "lxcfs is mounted");
    } else if (strcmp(mount->point, "/etc/hosts") != 0 &&
               strcmp(mount->point, "/etc/hostname") != 0 &&
               strcmp(mount->point, "/etc/resolv.conf") != 0) {
        return true;
    } else if (strstr(mount->root, "/kubelet/pods/") != NULL) {
        conclude(finding, WEFT_CONTAINER_KUBERNETES,
                 "a file of kubelet's is mounted in /etc");
    } else if (strstr(mount->root, "/docker/containers/") != NULL) {
        conclude(finding, WEFT_CONTAINER_DOCKER,
                 "a file of Docker's is mounted in /etc");
    } else if (strstr(mount->root, "/overlay-containers/") != NULL) {
        conclude(finding, WEFT_CONTAINER_PODMAN,
                 "a file of Podman's is mounted in /etc");
    }
    return true;
}

/* ---------------------------------------------------------------- marks --- */

static const struct {
    const char *path;
    weft_container container;
} marks[] = {
    {"/var/run/secrets/kubernetes.io/serviceaccount",
     WEFT_CONTAINER_KUBERNETES},
    {"/run/.containerenv", WEFT_CONTAINER_PODMAN},
    {"/.dockerenv", WEFT_CONTAINER_DOCKER},
};

/* The mark that there is, or NULL. */
static const char *find_mark(const struct finding *finding,
                             weft_container *container)
{
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (exists(finding, marks[i].path)) {
            *container = marks[i].container;
            return marks[i].path;
        }
    }
    return NULL;
}

/* systemd writes down there what has started it. */
static void judge_manager(struct finding *finding)
{
    static const struct {
        const char *name;
        weft_container container;
    } names[] = {
        {"docker", WEFT_CONTAINER_DOCKER},
        {"podman", WEFT_CONTAINER_PODMAN},
        {"lxc", WEFT_CONTAINER_LXC},
        {"lxc-libvirt", WEFT_CONTAINER_LXC},
        {"systemd-nspawn", WEFT_CONTAINER_NSPAWN},
        {"wsl", WEFT_CONTAINER_WSL},
    };
    char path[PATH_MAX];
    char text[32];
    char fact[96];
    weft_container container = WEFT_CONTAINER_UNKNOWN;

    (void)snprintf(path, sizeof(path), "%s/run/systemd/container",
                   finding->root);
    if (!weftos_read_text(path, text, sizeof(text))) {
        return;
    }
    text[strcspn(text, "\n")] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i].name) == 0) {
            container = names[i].container;
        }
    }
    (void)snprintf(fact, sizeof(fact), "/run/systemd/container says '%s'",
                   text);
    conclude(finding, container, fact);
}

static void judge_marks(struct finding *finding)
{
    weft_container container = WEFT_CONTAINER_UNKNOWN;
    const char *mark = find_mark(finding, &container);
    char fact[96];

    if (mark != NULL) {
        (void)snprintf(fact, sizeof(fact), "%s exists", mark);
        conclude(finding, container, fact);
    }
    judge_manager(finding);
}

static void judge_kernel(struct finding *finding)
{
    char path[PATH_MAX];
    char text[128];

    (void)snprintf(path, sizeof(path), "%s/proc/sys/kernel/osrelease",
                   finding->root);
    if (weftos_read_text(path, text, sizeof(text)) &&
        (strstr(text, "microsoft") != NULL ||
         strstr(text, "Microsoft") != NULL)) {
        conclude(finding, WEFT_CONTAINER_WSL, "the kernel is Microsoft's");
    }
}

/* ----------------------------------------------------------- namespaces --- */

/* The first ones, as include/linux/proc_ns.h numbers them. */
static const struct {
    const char *name;
    const char *first;
} namespaces[] = {
    {"pid", "pid:[4026531836]"},
    {"cgroup", "cgroup:[4026531835]"},
    {"ipc", "ipc:[4026531839]"},
    {"uts", "uts:[4026531838]"},
};

enum sight { SIGHT_UNKNOWN, SIGHT_FIRST, SIGHT_OWN };

static enum sight look_at(const struct finding *finding, size_t i)
{
    char path[PATH_MAX];
    char link[64];
    ssize_t length;

    (void)snprintf(path, sizeof(path), "%s/proc/self/ns/%s", finding->root,
                   namespaces[i].name);
    length = readlink(path, link, sizeof(link) - 1);
    if (length < 0) {
        return SIGHT_UNKNOWN;
    }
    link[length] = '\0';
    return strcmp(link, namespaces[i].first) == 0 ? SIGHT_FIRST : SIGHT_OWN;
}

/* Whether all are the machine's first; a kernel may lack a kind. */
static bool are_first(const struct finding *finding)
{
    bool seen = look_at(finding, 0) == SIGHT_FIRST;

    for (size_t i = 1; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
        seen = seen && look_at(finding, i) != SIGHT_OWN;
    }
    return seen;
}

static void judge_namespaces(struct finding *finding)
{
    weft_container container;
    const char *mark = find_mark(finding, &container);
    char fact[96];

    switch (look_at(finding, 0)) {
    case SIGHT_FIRST:
        (void)snprintf(fact, sizeof(fact), "the machine's own processes%s%s",
                       mark != NULL ? ", in spite of " : "",
                       mark != NULL ? mark : "");
        conclude(finding, WEFT_CONTAINER_NONE, fact);
        break;
    case SIGHT_OWN:
        conclude(finding, WEFT_CONTAINER_UNKNOWN,
                 "it is in a PID namespace of its own");
        break;
    default:
        break;
    }
}

void weftos_container_find(const char *root, weft_system *system)
{
    struct finding finding = {root, system, false};
    struct weftos_groups groups = {WEFT_CONTAINER_NONE, ""};
    int cancel;

    /* A thread that is cancelled in here would keep descriptors. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    weftos_groups_find(root, system, &groups);
    if (groups.container != WEFT_CONTAINER_NONE) {
        conclude(&finding, groups.container, groups.fact);
    }
    weftos_mounts_each(root, judge_mount, &finding);
    if (!are_first(&finding)) {
        judge_marks(&finding);
    }
    judge_kernel(&finding);
    judge_namespaces(&finding);
    (void)pthread_setcancelstate(cancel, &cancel);
    if (finding.is_known) {
        system->valid |= WEFT_SYSTEM_CONTAINER;
    }
}
