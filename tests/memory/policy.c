/* SPDX-License-Identifier: MIT
 *
 * The law of the policy: what it must never do, and what it does in time.
 */
#include <string.h>

#include "check.h"
#include "memory_policy.h"

#define S UINT64_C(1000000000)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* A machine that the tests move. */
typedef struct machine {
    policy policy;
    policy_sample sample;
    policy_target target;
    policy_decision decision;
} machine;

static machine calm_machine(void)
{
    machine it = {.sample = {.now_ns = 1000 * S,
                             .total_bytes = 16 * GIB,
                             .available_bytes = 8 * GIB,
                             .swap_total_bytes = 8 * GIB,
                             .swap_free_bytes = 8 * GIB,
                             .page_bytes = 4096,
                             .has_stalls = true,
                             .has_io_stalls = true},
                  .target = {.private_bytes = 2 * GIB,
                             .cold_bytes = GIB,
                             .idle_bytes = 256 * MIB,
                             .gain = 0.7,
                             .refault_ns = 3500,
                             .pageout_ns = 4500,
                             .arm = BANDIT_PAGEOUT_100}};

    policy_init(&it.policy, NULL);
    return it;
}

/* A second passes, in which programs have waited for a part of it. */
static void look(machine *it, double some, double all)
{
    it->sample.now_ns += S;
    it->sample.stall_some_ns += (uint64_t)(some * 1e9);
    it->sample.stall_all_ns += (uint64_t)(all * 1e9);
    policy_decide(&it->policy, &it->sample, &it->target, 1, &it->decision);
}

static void set_available(machine *it, unsigned percent)
{
    it->sample.available_bytes = it->sample.total_bytes / 100 * percent;
}

/* How many steps of this verb the last decision has. */
static unsigned count_of(const machine *it, policy_verb verb)
{
    unsigned count = 0;

    for (size_t i = 0; i < it->decision.step_count; i++) {
        count += it->decision.steps[i].verb == verb;
    }
    return count;
}

/* Bytes that are paged out within some looks. */
static uint64_t paged_out(machine *it, unsigned looks)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < looks; i++) {
        look(it, 0, 0);
        for (size_t j = 0; j < it->decision.step_count; j++) {
            if (it->decision.steps[j].verb == POLICY_PAGEOUT) {
                bytes += it->decision.steps[j].bytes;
            }
        }
    }
    return bytes;
}

static void test_calm(void)
{
    machine it = calm_machine();
    unsigned steps = 0;

    check_case("with memory to spare nothing is done, however long they wait");
    for (unsigned i = 0; i < 600; i++) {
        look(&it, i < 300 ? 0 : 0.9, i < 300 ? 0 : 0.8);
        steps += (unsigned)it.decision.step_count;
        CHECK(it.decision.state == WEFT_PRESSURE_CALM);
    }
    CHECK(steps == 0);
    CHECK(strstr(it.decision.reason, "nothing to do") != NULL);
}

static void test_burst(void)
{
    machine it = calm_machine();

    check_case("one sample changes nothing");
    set_available(&it, 50);
    look(&it, 0, 0);
    set_available(&it, 1);
    look(&it, 1, 1);
    CHECK(it.decision.state == WEFT_PRESSURE_CALM);
    CHECK(it.decision.step_count == 0);
    CHECK(it.decision.next_look_ns < S);
    set_available(&it, 50);
    for (unsigned i = 0; i < 60; i++) {
        look(&it, 0, 0);
        CHECK(it.decision.state == WEFT_PRESSURE_CALM);
        CHECK(it.decision.step_count == 0);
    }

    check_case("nor does one long wait with little memory to spare");
    set_available(&it, 15);
    look(&it, 0, 0);
    look(&it, 0, 0);
    CHECK(it.decision.state == WEFT_PRESSURE_WATCH);
    look(&it, 1, 0);
    for (unsigned i = 0; i < 60; i++) {
        look(&it, 0, 0);
        CHECK(it.decision.state == WEFT_PRESSURE_WATCH);
    }
}

static void test_rising(void)
{
    static const struct {
        unsigned available;
        double some, all;
        weft_pressure state;
    } cases[] = {{50, 0, 0, WEFT_PRESSURE_CALM},
                 {19, 0, 0, WEFT_PRESSURE_WATCH},
                 {19, 0.1, 0, WEFT_PRESSURE_TIGHT},
                 {21, 0.1, 0.1, WEFT_PRESSURE_CALM},
                 {9, 0, 0, WEFT_PRESSURE_TIGHT},
                 {2, 0.5, 0.5, WEFT_PRESSURE_EMERGENCY},
                 {2, 0.5, 0.05, WEFT_PRESSURE_TIGHT}};

    check_case("the states are those of the table");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        machine it = calm_machine();

        set_available(&it, cases[i].available);
        it.sample.swap_free_bytes = 0;
        for (unsigned j = 0; j < 30; j++) {
            look(&it, cases[i].some, cases[i].all);
        }
        CHECK(it.decision.state == cases[i].state);
    }

    check_case("swap that has room averts the emergency");
    for (unsigned percent = 4; percent <= 6; percent += 2) {
        machine it = calm_machine();

        set_available(&it, 2);
        it.sample.swap_free_bytes = it.sample.swap_total_bytes / 100 * percent;
        for (unsigned j = 0; j < 30; j++) {
            look(&it, 0.5, 0.5);
        }
        CHECK((it.decision.state == WEFT_PRESSURE_EMERGENCY) == (percent < 5));
    }
}

static void test_falling(void)
{
    machine it = calm_machine();
    unsigned changes = 0;
    unsigned looks = 0;

    check_case("around a threshold the state does not swing");
    for (unsigned i = 0; i < 600; i++) {
        set_available(&it, i % 2 == 0 ? 19 : 22);
        look(&it, 0, 0);
        changes += it.decision.has_changed;
    }
    CHECK(changes <= 1);

    check_case("it is left a while after the need for it");
    set_available(&it, 15);
    look(&it, 0, 0);
    look(&it, 0, 0);
    CHECK(it.decision.state == WEFT_PRESSURE_WATCH);
    set_available(&it, 29);
    for (unsigned i = 0; i < 120; i++) {
        look(&it, 0, 0);
        CHECK(it.decision.state == WEFT_PRESSURE_WATCH);
    }
    set_available(&it, 31);
    while (it.decision.state != WEFT_PRESSURE_CALM && looks < 100) {
        look(&it, 0, 0);
        looks++;
    }
    CHECK(looks == 31);
}

static void test_eta(void)
{
    machine it = calm_machine();

    check_case("what falls steadily is seen to end, watched and marked");
    for (unsigned i = 0; i < 40; i++) {
        it.sample.available_bytes = 8 * GIB - (uint64_t)i * 32 * MIB;
        look(&it, 0, 0);
    }
    CHECK(it.decision.has_eta);
    CHECK(it.decision.eta_ns > 210 * S && it.decision.eta_ns < 222 * S);
    CHECK(it.decision.state == WEFT_PRESSURE_WATCH);
    CHECK(count_of(&it, POLICY_COLD) == 1 && it.decision.step_count == 1);

    check_case("what only swings has no end");
    it = calm_machine();
    for (unsigned i = 0; i < 200; i++) {
        it.sample.available_bytes = 8 * GIB - (uint64_t)(i % 5) * 32 * MIB;
        look(&it, 0, 0);
        CHECK(!it.decision.has_eta || it.decision.eta_ns > 600 * S);
        CHECK(it.decision.state == WEFT_PRESSURE_CALM);
    }
}

static void test_budget(void)
{
    uint64_t last = 0;

    check_case("the less is available, the more is paged out");
    for (unsigned percent = 19; percent >= 11; percent -= 2) {
        machine it = calm_machine();
        uint64_t budget;

        it.target.cold_bytes = 0;
        set_available(&it, percent);
        look(&it, 0, 0);
        look(&it, 0, 0);
        budget = it.decision.budget_bytes;
        CHECK(budget > last);
        CHECK(budget <= it.sample.total_bytes / 100);
        last = budget;
    }

    check_case("the longer programs wait, the less, and at the target none");
    last = UINT64_MAX;
    for (unsigned part = 0; part <= 10; part += 2) {
        machine it = calm_machine();

        set_available(&it, 15);
        for (unsigned i = 0; i < 30; i++) {
            look(&it, part * 0.00009, 0);
        }
        CHECK(it.decision.state == WEFT_PRESSURE_WATCH);
        CHECK(it.decision.budget_bytes < last);
        last = it.decision.budget_bytes;
    }

    check_case("a step stays within its memory and its time");
    {
        machine it = calm_machine();

        it.target.idle_bytes = 8 * GIB;
        it.policy.gain = 1;
        set_available(&it, 3);
        for (unsigned i = 0; i < 60; i++) {
            uint64_t cpu_ns = 0;
            uint64_t bytes = 0;

            look(&it, 0, 0);
            for (size_t j = 0; j < it.decision.step_count; j++) {
                cpu_ns += it.decision.steps[j].cpu_ns;
                bytes += it.decision.steps[j].verb == POLICY_PAGEOUT
                             ? it.decision.steps[j].bytes
                             : 0;
                CHECK(it.decision.steps[j].bytes % 4096 == 0);
            }
            CHECK(cpu_ns <= S / 20);
            CHECK(bytes <= it.sample.total_bytes / 100);
        }
    }
}

static void test_order(void)
{
    machine it = calm_machine();

    check_case("what costs others least comes first");
    set_available(&it, 8);
    look(&it, 0, 0);
    look(&it, 0, 0);
    REQUIRE(it.decision.state == WEFT_PRESSURE_TIGHT);
    for (size_t i = 1; i < it.decision.step_count; i++) {
        CHECK(it.decision.steps[i - 1].verb <= it.decision.steps[i].verb);
        CHECK(it.decision.steps[i].reason[0] != '\0');
    }
    CHECK(count_of(&it, POLICY_OWN) == 1 && count_of(&it, POLICY_ASK) == 1);
    CHECK(count_of(&it, POLICY_PAGEOUT) == 1);
    CHECK(count_of(&it, POLICY_TELL) == 1);

    check_case("nobody is asked or told all the time");
    for (unsigned i = 0; i < 50; i++) {
        look(&it, 0, 0);
        CHECK(count_of(&it, POLICY_ASK) == 0);
        CHECK(count_of(&it, POLICY_TELL) == 0);
    }

    check_case("the user is told of the largest, protected or not");
    {
        policy_target targets[5] = {{.private_bytes = 1},
                                    {.private_bytes = 5, .is_protected = true},
                                    {.private_bytes = 3},
                                    {.private_bytes = 4},
                                    {.private_bytes = 2}};

        policy_decide(&it.policy, &it.sample, targets, 5, &it.decision);
        CHECK(it.decision.top_count == 3);
        CHECK(it.decision.top[0] == 1 && it.decision.top[1] == 3 &&
              it.decision.top[2] == 2);
    }
}

static void test_refusals(void)
{
    machine it = calm_machine();

    check_case("without swap nothing is paged out or marked");
    it.sample.swap_total_bytes = it.sample.swap_free_bytes = 0;
    set_available(&it, 12);
    CHECK(paged_out(&it, 120) == 0);
    CHECK(count_of(&it, POLICY_COLD) == 0);
    CHECK(strstr(it.decision.reason, "without swap") != NULL);

    check_case("nor to swap that is nearly full");
    it = calm_machine();
    set_available(&it, 12);
    it.sample.swap_free_bytes = it.sample.swap_total_bytes / 100 * 19;
    CHECK(paged_out(&it, 120) == 0);

    check_case("nor of what is protected");
    it = calm_machine();
    set_available(&it, 12);
    it.target.is_protected = true;
    CHECK(paged_out(&it, 120) == 0);

    check_case("nor where experience says no");
    it.target.is_protected = false;
    it.target.arm = BANDIT_NOTHING;
    CHECK(paged_out(&it, 120) == 0);
    it.target.arm = BANDIT_COLD;
    CHECK(paged_out(&it, 120) == 0);
    CHECK(count_of(&it, POLICY_COLD) == 1);
    it.target.arm = BANDIT_PAGEOUT_25;
    CHECK(paged_out(&it, 120) > 0);

    check_case("nor what compression can't make smaller");
    it.target.gain = 0;
    CHECK(paged_out(&it, 120) == 0);
    it.target.gain = -0.1;
    CHECK(paged_out(&it, 120) == 0);

    check_case("nor before its time has come");
    it.target.gain = 0.7;
    it.target.ready_ns = it.sample.now_ns + 300 * S;
    CHECK(paged_out(&it, 120) == 0);
    CHECK(paged_out(&it, 240) > 0);
}

static void test_brake(void)
{
    machine it = calm_machine();
    policy_outcome bad = {.window_ns = 60 * S,
                          .released_bytes = 100 * MIB,
                          .refault_bytes = 6 * MIB,
                          .working_set_bytes = 8 * GIB};
    policy_outcome good = bad;
    double gain = it.policy.gain;

    good.refault_bytes = 4 * MIB;
    check_case("too much that comes back halves the gain and stops it a while");
    set_available(&it, 12);
    CHECK(paged_out(&it, 30) > 0);
    CHECK(policy_settle(&it.policy, it.sample.now_ns, &bad));
    CHECK(it.policy.gain <= gain / 2);
    CHECK(paged_out(&it, 29) == 0);
    CHECK(strstr(it.decision.reason, "too much came back") != NULL);
    CHECK(paged_out(&it, 30) > 0);

    check_case("for twice as long each time, and ten minutes at most");
    for (unsigned i = 0; i < 10; i++) {
        CHECK(policy_settle(&it.policy, it.sample.now_ns, &bad));
    }
    CHECK(it.policy.cooloff_ns == 600 * S);
    CHECK(it.policy.gain > 0);

    check_case("what stays away earns the gain back, step by step");
    gain = it.policy.gain;
    CHECK(!policy_settle(&it.policy, it.sample.now_ns, &good));
    CHECK(it.policy.gain > gain && it.policy.gain < gain + 0.051);
    CHECK(it.policy.cooloff_ns == 0);

    check_case("little of much is too much for the working set");
    good.working_set_bytes = GIB;
    CHECK(policy_settle(&it.policy, it.sample.now_ns, &good));

    check_case("the wait for a target is four half-lives, or a minute");
    CHECK(policy_ready_ns(&policy_defaults, 5 * S, UINT64_MAX) == 65 * S);
    CHECK(policy_ready_ns(&policy_defaults, 5 * S, 10 * S) == 65 * S);
    CHECK(policy_ready_ns(&policy_defaults, 5 * S, 100 * S) == 405 * S);
}

/* Every look at random: the bounds hold, and the reasons are whole. */
static void test_random(void)
{
    bandit_random random;
    machine it = calm_machine();

    check_case("whatever the figures, the decision is within its bounds");
    bandit_seed(&random, 1);
    for (unsigned i = 0; i < 20000; i++) {
        policy_decision *decision = &it.decision;
        uint64_t bytes = 0;

        it.sample.total_bytes = 1 + bandit_next(&random) % (64 * GIB);
        it.sample.available_bytes = bandit_next(&random) % (64 * GIB);
        it.sample.swap_total_bytes = bandit_next(&random) % 3 * GIB;
        it.sample.swap_free_bytes = bandit_next(&random) % (3 * GIB);
        it.sample.stall_some_ns = bandit_next(&random) % S * i;
        it.sample.told = (weft_pressure)(bandit_next(&random) % 4);
        it.target.idle_bytes = bandit_next(&random) >> (i % 64);
        it.target.cold_bytes = bandit_next(&random) >> (i % 64);
        it.target.refault_share = bandit_uniform(&random);
        it.target.is_protected = bandit_next(&random) % 4 == 0;
        look(&it, bandit_uniform(&random), 0);
        for (size_t j = 0; j < decision->step_count; j++) {
            const policy_step *step = &decision->steps[j];

            CHECK(step->verb != POLICY_PAGEOUT ||
                  step->bytes <= it.target.idle_bytes);
            CHECK(step->target == POLICY_NO_TARGET ||
                  (step->target == 0 && !it.target.is_protected));
            bytes += step->verb == POLICY_PAGEOUT ? step->bytes : 0;
        }
        CHECK(bytes <= decision->budget_bytes);
        CHECK(bytes <= it.sample.total_bytes / 100);
        CHECK(decision->state <= WEFT_PRESSURE_EMERGENCY);
        CHECK(decision->next_look_ns > 0 && decision->next_look_ns <= S);
        CHECK(memchr(decision->reason, '\0', sizeof(decision->reason)) != NULL);
    }
}

static void test_constants(void)
{
    check_case("the table of the constants has what is in use");
    CHECK(policy_find_constant("stall_target") != NULL);
    CHECK(policy_find_constant("stall_targets") == NULL);
    for (size_t i = 0; i < policy_constant_count; i++) {
        const policy_constant *row = &policy_constant_table[i];
        double value;

        memcpy(&value, (const char *)&policy_defaults + row->offset,
               sizeof(value));
        CHECK(value >= row->value && value <= row->value && value > 0);
        CHECK(row->source[0] != '\0');
    }
    CHECK(strcmp(policy_verb_name(POLICY_TELL), "tell") == 0);
}

void test_main(void)
{
    test_constants();
    test_calm();
    test_burst();
    test_rising();
    test_falling();
    test_eta();
    test_budget();
    test_order();
    test_refusals();
    test_brake();
    test_random();
}
