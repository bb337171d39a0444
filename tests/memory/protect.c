/* SPDX-License-Identifier: MIT
 *
 * The one place that says who is protected: each mark, what is not known, each
 * kind of rule, and that a name gives way to nothing but guesses.
 */
#include <stdio.h>
#include <string.h>

#include <weft/protect.h>

#include "check.h"

#define GROUP "/system.slice/db.service"
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A process that nothing protects. */
static weft_memory_identity plain(void)
{
    weft_memory_identity identity = {
        .size = sizeof(identity),
        .valid = WEFT_IDENTITY_OWNER | WEFT_IDENTITY_NAME | WEFT_IDENTITY_EXE |
                 WEFT_IDENTITY_GROUP | WEFT_IDENTITY_CONTAINER |
                 WEFT_IDENTITY_SESSION | WEFT_IDENTITY_VIEW,
        .marks_known = WEFT_MARK_ALL,
        .pid = 4711,
        .parent = 1,
        .started = 99,
        .owner = 1000,
        .name = "db",
        .exe = "/opt/db/bin/db server",
        .group = GROUP,
        .maker = WEFT_CONTAINER_DOCKER,
        .container = ID};

    return identity;
}

static weft_memory_rules *rules_of(const char *text)
{
    weft_memory_rules *rules = NULL;

    REQUIRE(weft_memory_rules_open(text, strlen(text), &rules, NULL, NULL) ==
            WEFT_OK);
    return rules;
}

static weft_protection judge(const weft_memory_identity *identity,
                             const char *text, bool is_named)
{
    weft_protection protection = {.size = sizeof(protection)};
    weft_memory_rules *rules = text != NULL ? rules_of(text) : NULL;
    bool is_protected =
        weft_memory_protection(identity, rules, is_named, &protection);

    CHECK(is_protected == protection.is_protected);
    CHECK(is_protected == (protection.cause != WEFT_PROTECTION_NONE));
    CHECK(is_protected == (protection.reason[0] != '\0'));
    CHECK(weft_memory_protection(identity, rules, is_named, NULL) ==
          is_protected);
    weft_memory_rules_close(&rules);
    return protection;
}

/* ---------------------------------------------------------------- marks --- */

#define GUESS(symbol, value, name, is_guess, text) (is_guess),
static const bool guesses[] = {WEFT_MARK_LIST(GUESS)};
#undef GUESS

static void test_marks(void)
{
    weft_memory_identity identity = plain();
    weft_protection found;

    check_case("a process without any mark may be touched");
    CHECK(!judge(&identity, NULL, false).is_protected);
    CHECK(!judge(&identity, NULL, true).is_protected);
    for (unsigned i = 0; i < WEFT_MARK_COUNT; i++) {
        check_case(weft_mark_name((weft_mark)i));
        identity = plain();
        identity.marks = WEFT_MARK_BIT(i);
        found = judge(&identity, NULL, false);
        CHECK(found.cause == WEFT_PROTECTION_MARK && found.mark == i);
        CHECK(strcmp(found.reason, weft_mark_text((weft_mark)i)) == 0);
        CHECK(found.gives_way == guesses[i]);
        CHECK(judge(&identity, NULL, true).is_protected != guesses[i]);

        identity.marks_known &= ~WEFT_MARK_BIT(i);
        CHECK(judge(&identity, NULL, false).cause == WEFT_PROTECTION_MARK);
        identity.marks = 0;
        found = judge(&identity, NULL, false);
        CHECK(found.cause == WEFT_PROTECTION_UNKNOWN && found.mark == i);
        CHECK(found.gives_way == guesses[i]);
        CHECK(judge(&identity, NULL, true).is_protected != guesses[i]);
    }
}

static void test_order(void)
{
    weft_memory_identity identity = plain();
    weft_protection found;

    check_case("who is named is not told that this would help when it would "
               "not");
    identity.marks = WEFT_MARK_BIT(WEFT_MARK_WINDOWED);
    CHECK(judge(&identity, NULL, false).gives_way);
    found = judge(&identity, "never name=db", false);
    CHECK(found.cause == WEFT_PROTECTION_RULE && !found.gives_way);
    identity.marks |= WEFT_MARK_BIT(WEFT_MARK_LOCKED);
    found = judge(&identity, NULL, false);
    CHECK(found.mark == WEFT_MARK_LOCKED && !found.gives_way);
    CHECK(judge(&identity, NULL, true).is_protected);
}

/* ----------------------------------------------------------- not known --- */

static void test_unknown(void)
{
    weft_memory_identity identity;
    weft_protection wrong = {.size = sizeof(wrong) - 1};

    check_case("nobody, and what is no process, is protected");
    CHECK(judge(NULL, NULL, true).cause == WEFT_PROTECTION_UNKNOWN);
    identity = plain();
    identity.size--;
    CHECK(judge(&identity, NULL, true).is_protected);
    identity = plain();
    identity.pid = 0;
    CHECK(judge(&identity, NULL, true).is_protected);
    identity.pid = -5;
    CHECK(judge(&identity, NULL, true).is_protected);

    check_case("process 1 is protected whatever is known of it");
    identity = plain();
    identity.pid = 1;
    CHECK(judge(&identity, NULL, true).mark == WEFT_MARK_FIRST);
    identity.valid = 0;
    identity.marks_known = 0;
    CHECK(judge(&identity, NULL, true).is_protected);

    check_case("a program that is not known is protected");
    identity = plain();
    identity.valid &= ~WEFT_IDENTITY_EXE;
    CHECK(judge(&identity, NULL, true).cause == WEFT_PROTECTION_UNKNOWN);
    identity = plain();
    identity.exe[0] = '\0';
    CHECK(judge(&identity, NULL, true).cause == WEFT_PROTECTION_UNKNOWN);

    check_case("marks of a later version are protected");
    identity = plain();
    identity.marks = UINT32_C(1) << WEFT_MARK_COUNT;
    CHECK(judge(&identity, NULL, true).is_protected);
    identity = plain();
    identity.marks_known |= UINT32_C(1) << 31;
    CHECK(judge(&identity, NULL, true).is_protected);

    check_case("an answer that can't be written is that it is protected");
    identity = plain();
    CHECK(weft_memory_protection(&identity, NULL, true, &wrong));
    CHECK(wrong.size == sizeof(wrong) - 1 && !wrong.is_protected);
}

/* ---------------------------------------------------------------- rules --- */

static const struct {
    const char *rule;
    bool is_so;
} conditions[] = {
    {"exe=/opt/db*", true},
    {"exe=\"/opt/db/bin/db server\"", true},
    {"exe=/opt/db/bin/db", false},
    {"exe=*server", true},
    {"exe=*/bin/*", true},
    {"exe=\"/OPT/db/bin/db server\"", false},
    {"name=db", true},
    {"name=d", false},
    {"name=b", false},
    {"name=?b", true},
    {"name=???", false},
    {"uid=1000", true},
    {"uid=1001", false},
    {"uid=01000", true},
    {"group=/system.slice*", true},
    {"group=" GROUP, true},
    {"group=/user.slice*", false},
    {"group=", false},
    {"container=" ID, true},
    {"container=0123*", true},
    {"container=*", true},
    {"container=\"\"", false},
    {"exe=/opt* uid=1000 name=db", true},
    {"exe=/opt* uid=1000 name=other", false},
    {"exe=/opt* exe=*server", true},
    {"exe=/opt* exe=*client", false},
};

static void test_rules(void)
{
    weft_memory_identity identity = plain();
    char text[256];
    weft_protection found;

    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        check_case(conditions[i].rule);
        (void)snprintf(text, sizeof(text), "\n# of line 2\n  never %s  # x\n",
                       conditions[i].rule);
        found = judge(&identity, text, false);
        CHECK(found.is_protected == conditions[i].is_so);
        CHECK(!found.is_protected || (found.cause == WEFT_PROTECTION_RULE &&
                                      found.line == 3 && !found.gives_way));
        CHECK(judge(&identity, text, true).is_protected == conditions[i].is_so);

        (void)snprintf(text, sizeof(text), "avoid %s", conditions[i].rule);
        found = judge(&identity, text, false);
        CHECK(found.is_protected == conditions[i].is_so);
        CHECK(!found.is_protected || (found.line == 1 && found.gives_way));
        CHECK(!judge(&identity, text, true).is_protected);
    }
    check_case("one of several rules is enough, and `never` goes first");
    found =
        judge(&identity, "avoid name=db\nnever uid=1\nnever uid=1000\n", false);
    CHECK(found.line == 3 && !found.gives_way);
    CHECK(strcmp(found.reason, "line 3 of the rules: never uid=1000") == 0);
    check_case("no rules protect nobody");
    CHECK(!judge(&identity, "", false).is_protected);
    CHECK(!judge(&identity, "\n \r\n# none\n\t\n", false).is_protected);
}

static void test_case(void)
{
    weft_memory_identity identity = plain();

    check_case("where files ignore case, rules about them do");
    identity.ignores_case = true;
    CHECK(judge(&identity, "never exe=/OPT/DB*", true).is_protected);
    CHECK(judge(&identity, "never name=Db", true).is_protected);
    CHECK(!judge(&identity, "never group=/SYSTEM.slice*", true).is_protected);
}

/* A condition on what is not known holds, unless another one does not. */
static void test_unsure(void)
{
    weft_memory_identity identity = plain();
    weft_protection found;

    check_case("a rule that asks for what is not known protects");
    identity.valid &= ~WEFT_IDENTITY_GROUP;
    found = judge(&identity, "never group=/other", true);
    CHECK(found.cause == WEFT_PROTECTION_UNKNOWN && found.line == 1);
    CHECK(!found.gives_way);
    found = judge(&identity, "avoid group=/other", false);
    CHECK(found.cause == WEFT_PROTECTION_UNKNOWN && found.gives_way);
    CHECK(!judge(&identity, "avoid group=/other", true).is_protected);
    CHECK(!judge(&identity, "never group=/other uid=1", true).is_protected);
    CHECK(!judge(&identity, "never uid=1 group=/other", true).is_protected);
    CHECK(judge(&identity, "never uid=1000 group=/x", true).is_protected);
}

static void test_words(void)
{
    check_case("words for values");
    CHECK(strcmp(weft_mark_name(WEFT_MARK_KERNEL), "kernel") == 0);
    CHECK(strcmp(weft_mark_name(WEFT_MARK_SHELTERED), "sheltered") == 0);
    CHECK(weft_mark_name((weft_mark)WEFT_MARK_COUNT)[0] == '\0');
    CHECK(weft_mark_text((weft_mark)99)[0] == '\0');
    CHECK(strcmp(weft_protection_cause_name(WEFT_PROTECTION_RULE), "rule") ==
          0);
    CHECK(strcmp(weft_protection_cause_name(WEFT_PROTECTION_NONE), "none") ==
          0);
    CHECK(strcmp(weft_protection_cause_name(WEFT_PROTECTION_MARK), "mark") ==
          0);
    CHECK(strcmp(weft_protection_cause_name((weft_protection_cause)7),
                 "unknown") == 0);
}

void test_main(void)
{
    test_words();
    test_marks();
    test_order();
    test_unknown();
    test_rules();
    test_case();
    test_unsure();
}
