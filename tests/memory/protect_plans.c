/* SPDX-License-Identifier: MIT
 *
 * Random plans: random processes with every combination of marks and gaps,
 * random rules, random requests. What the choke point says is compared with
 * what its header says, put down here once more in another way; and whoever
 * must not be touched by any of it never is.
 */
#include <stdio.h>
#include <string.h>

#include <weft/protect.h>

#include "check.h"

#define PLANS 10000
#define RULES_MOST 4
#define CONDITIONS_MOST 3

static uint32_t random_state = 47110815;

static uint32_t random_bits(void)
{
    uint32_t bits = 0;

    for (int i = 0; i < 4; i++) {
        random_state = random_state * UINT32_C(1664525) + UINT32_C(1013904223);
        bits = bits << 8 | random_state >> 24;
    }
    return bits;
}

static uint32_t random_below(uint32_t bound)
{
    return random_bits() % bound;
}

static bool one_in(uint32_t chances)
{
    return random_below(chances) == 0;
}

#define PICK(list) (list)[random_below(sizeof(list) / sizeof((list)[0]))]

/* ------------------------------------------------------------------ make ---
 */

static const char *const exes[] = {"/usr/bin/app", "/usr/bin/app2", "/opt/a b",
                                   "/opt/game/bin/x"};
static const char *const names[] = {"app", "x", "sshd", ""};
static const char *const groups[] = {"/", "/a", "/a/b", ""};
static const char *const containers[] = {"", "0123", "web"};

/* All marks are known and none is set, but for some: each set is as likely. */
static void make_identity(weft_memory_identity *identity)
{
    uint32_t few = random_bits();

    few &= random_bits();
    few &= random_bits();
    memset(identity, 0, sizeof(*identity));
    identity->size = sizeof(*identity);
    identity->pid = one_in(20) ? (int64_t)random_below(3) - 1
                               : (int64_t)random_below(100000) + 2;
    identity->owner = random_below(3);
    identity->started = random_bits();
    identity->valid = WEFT_IDENTITY_OWNER | WEFT_IDENTITY_NAME |
                      WEFT_IDENTITY_EXE | WEFT_IDENTITY_GROUP |
                      WEFT_IDENTITY_CONTAINER | WEFT_IDENTITY_SESSION;
    identity->marks_known = WEFT_MARK_ALL;
    if (one_in(3)) {
        identity->valid &= ~(few >> 20);
    }
    if (one_in(3)) {
        identity->marks = few & random_bits() & WEFT_MARK_ALL;
    }
    if (one_in(4)) {
        identity->marks = WEFT_MARK_BIT(random_below(WEFT_MARK_COUNT));
    }
    if (one_in(4)) {
        identity->marks_known &= ~(few & random_bits());
    }
    (void)snprintf(identity->exe, sizeof(identity->exe), "%s", PICK(exes));
    (void)snprintf(identity->name, sizeof(identity->name), "%s", PICK(names));
    (void)snprintf(identity->group, sizeof(identity->group), "%s",
                   PICK(groups));
    (void)snprintf(identity->container, sizeof(identity->container), "%s",
                   PICK(containers));
}

/* A condition, and what it means without any pattern. */
struct condition {
    const char *text;
    uint32_t valid;
    size_t offset;
    const char *begin; /* the member begins with it, or */
    const char *whole; /* is it */
    uint32_t owner;
};

#define MEMBER(member) offsetof(weft_memory_identity, member)

static const struct condition conditions[] = {
    {"exe=/usr/bin/app*", WEFT_IDENTITY_EXE, MEMBER(exe), "/usr/bin/app", NULL,
     0},
    {"exe=/usr/bin/app", WEFT_IDENTITY_EXE, MEMBER(exe), NULL, "/usr/bin/app",
     0},
    {"exe=\"/opt/a b\"", WEFT_IDENTITY_EXE, MEMBER(exe), NULL, "/opt/a b", 0},
    {"name=app", WEFT_IDENTITY_NAME, MEMBER(name), NULL, "app", 0},
    {"name=s*", WEFT_IDENTITY_NAME, MEMBER(name), "s", NULL, 0},
    {"group=/a*", WEFT_IDENTITY_GROUP, MEMBER(group), "/a", NULL, 0},
    {"group=*", WEFT_IDENTITY_GROUP, MEMBER(group), "", NULL, 0},
    {"container=web", WEFT_IDENTITY_CONTAINER, MEMBER(container), NULL, "web",
     0},
    {"uid=0", WEFT_IDENTITY_OWNER, 0, NULL, NULL, 0},
    {"uid=2", WEFT_IDENTITY_OWNER, 0, NULL, NULL, 2},
};

struct rule {
    bool is_never;
    size_t count;
    const struct condition *conditions[CONDITIONS_MOST];
};

struct plan {
    weft_memory_identity identity;
    struct rule rules[RULES_MOST];
    size_t rule_count;
    bool is_named;
};

static void make_rule(struct rule *rule)
{
    rule->is_never = one_in(2);
    rule->count = 1 + random_below(CONDITIONS_MOST);
    for (size_t i = 0; i < rule->count; i++) {
        rule->conditions[i] = &PICK(conditions);
    }
}

static void make_plan(struct plan *plan)
{
    make_identity(&plan->identity);
    plan->rule_count = one_in(2) ? 0 : random_below(RULES_MOST + 1);
    for (size_t i = 0; i < plan->rule_count; i++) {
        make_rule(&plan->rules[i]);
    }
    plan->is_named = one_in(2);
}

static weft_memory_rules *open_rules(const struct plan *plan)
{
    weft_memory_rules *rules = NULL;
    char text[1024] = "";
    size_t length = 0;

    for (size_t i = 0; i < plan->rule_count; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s",
                                   plan->rules[i].is_never ? "never" : "avoid");
        for (size_t k = 0; k < plan->rules[i].count; k++) {
            length +=
                (size_t)snprintf(text + length, sizeof(text) - length, " %s",
                                 plan->rules[i].conditions[k]->text);
        }
        length += (size_t)snprintf(text + length, sizeof(text) - length, "\n");
    }
    REQUIRE(weft_memory_rules_open(text, length, &rules, NULL, NULL) ==
            WEFT_OK);
    return rules;
}

/* ----------------------------------------------------------------- expect ---
 */

static bool is_refuted(const struct condition *condition,
                       const weft_memory_identity *identity)
{
    const char *text = (const char *)identity + condition->offset;

    if ((identity->valid & condition->valid) == 0) {
        return false;
    }
    if (condition->whole != NULL) {
        return strcmp(text, condition->whole) != 0;
    }
    if (condition->begin != NULL) {
        return strncmp(text, condition->begin, strlen(condition->begin)) != 0;
    }
    return identity->owner != condition->owner;
}

/* A rule protects unless one of its conditions is known not to hold. */
static bool is_protecting(const struct rule *rule,
                          const weft_memory_identity *identity)
{
    for (size_t i = 0; i < rule->count; i++) {
        if (is_refuted(rule->conditions[i], identity)) {
            return false;
        }
    }
    return true;
}

/* Marks that are set or not known; those that a name lifts are left out. */
static bool has_mark(const struct plan *plan)
{
    uint32_t guesses =
        WEFT_MARK_BIT(WEFT_MARK_WINDOWED) | WEFT_MARK_BIT(WEFT_MARK_SHELTERED);
    uint32_t counting =
        plan->is_named ? WEFT_MARK_ALL & ~guesses : WEFT_MARK_ALL;

    return ((plan->identity.marks | ~plan->identity.marks_known) & counting) !=
           0;
}

static bool is_expected(const struct plan *plan)
{
    bool is_protected = plan->identity.pid <= 1 || has_mark(plan) ||
                        (plan->identity.valid & WEFT_IDENTITY_EXE) == 0;

    for (size_t i = 0; i < plan->rule_count; i++) {
        is_protected =
            is_protected || ((plan->rules[i].is_never || !plan->is_named) &&
                             is_protecting(&plan->rules[i], &plan->identity));
    }
    return is_protected;
}

/* ------------------------------------------------------------------ run --- */

/* What no name and no rule can lift. */
static bool is_sacred(const weft_memory_identity *identity)
{
    uint32_t guesses =
        WEFT_MARK_BIT(WEFT_MARK_WINDOWED) | WEFT_MARK_BIT(WEFT_MARK_SHELTERED);

    return identity->pid <= 1 || (identity->marks & ~guesses) != 0 ||
           (~identity->marks_known & WEFT_MARK_ALL & ~guesses) != 0 ||
           (identity->valid & WEFT_IDENTITY_EXE) == 0;
}

static void test_plans(void)
{
    size_t touched = 0;
    size_t first = 0;
    size_t sacred = 0;

    check_case("of random plans none touches who is protected");
    for (int i = 0; i < PLANS; i++) {
        struct plan plan;
        weft_protection protection = {.size = sizeof(protection)};
        weft_memory_rules *rules;
        bool is_protected;

        make_plan(&plan);
        rules = open_rules(&plan);
        is_protected = weft_memory_protection(&plan.identity, rules,
                                              plan.is_named, &protection);
        CHECK(is_protected == is_expected(&plan));
        CHECK(is_protected || !is_sacred(&plan.identity));
        CHECK(is_protected == protection.is_protected);
        /* What gives way does, and nothing else. */
        CHECK(!protection.gives_way ||
              !weft_memory_protection(&plan.identity, rules, true, NULL));
        CHECK(!is_protected || protection.gives_way ||
              weft_memory_protection(&plan.identity, rules, true, NULL));
        touched += !is_protected;
        first += plan.identity.pid == 1;
        sacred += is_sacred(&plan.identity);
        weft_memory_rules_close(&rules);
    }
    printf("# %d plans: %zu may touch, %zu never, %zu of process 1\n", PLANS,
           touched, sacred, first);
    CHECK(touched > PLANS / 20 && sacred > PLANS / 4 && first > 50);
}

/* Each pair of marks, known and not. */
static void test_pairs(void)
{
    weft_memory_identity identity;

    check_case("no mark hides another one");
    make_identity(&identity);
    identity.pid = 2;
    identity.valid = UINT32_MAX;
    for (unsigned a = 0; a < WEFT_MARK_COUNT; a++) {
        for (unsigned b = 0; b < WEFT_MARK_COUNT; b++) {
            uint32_t both = WEFT_MARK_BIT(a) | WEFT_MARK_BIT(b);

            identity.marks = both;
            identity.marks_known = WEFT_MARK_ALL;
            CHECK(weft_memory_protection(&identity, NULL, false, NULL));
            identity.marks = WEFT_MARK_BIT(a);
            identity.marks_known = WEFT_MARK_ALL & ~WEFT_MARK_BIT(b);
            CHECK(weft_memory_protection(&identity, NULL, false, NULL));
            identity.marks = 0;
            identity.marks_known = WEFT_MARK_ALL & ~both;
            CHECK(weft_memory_protection(&identity, NULL, false, NULL));
        }
    }
}

void test_main(void)
{
    test_plans();
    test_pairs();
}
