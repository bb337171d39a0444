/* SPDX-License-Identifier: MIT
 *
 * Every status has its own value, name and text; details become sentences.
 */
#include <errno.h>
#include <string.h>

#include "check.h"

static const weft_status all[] = {
#define STATUS(name, value, text) name,
    WEFT_STATUS_LIST(STATUS)
#undef STATUS
};

#define COUNT (sizeof(all) / sizeof(all[0]))

static void test_list(void)
{
    check_case("statuses are 0, -1, -2 and so on, without a gap");
    for (size_t i = 0; i < COUNT; i++) {
        CHECK((int)all[i] == -(int)i);
    }

    check_case("no two statuses share a name or a text");
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(strncmp(weft_status_name(all[i]), "WEFT_", 5) == 0);
        for (size_t j = 0; j < i; j++) {
            CHECK(strcmp(weft_status_name(all[i]), weft_status_name(all[j])));
            CHECK(strcmp(weft_status_text(all[i]), weft_status_text(all[j])));
        }
    }

    check_case("names and texts are those of the list");
    CHECK(strcmp(weft_status_name(WEFT_EPEERDIED), "WEFT_EPEERDIED") == 0);
    CHECK(strcmp(weft_status_text(WEFT_EPEERDIED), "the peer died") == 0);

    check_case("a value that is no status is called unknown");
    CHECK(strcmp(weft_status_text((weft_status)1), "unknown status") == 0);
    CHECK(strcmp(weft_status_name((weft_status)-99), "unknown status") == 0);
}

static void test_detail(void)
{
    const char *whole = "open 'x': nobody listens at this name";
    weft_detail detail = {WEFT_ENOENT, 0, "open 'x'"};
    char text[200];
    int length;

    check_case("a detail says the step and the status");
    length = weft_detail_text(&detail, text, sizeof(text));
    CHECK(strcmp(text, whole) == 0);
    CHECK(length == (int)strlen(whole));

    check_case("a detail that is cut is terminated, its length whole");
    length = weft_detail_text(&detail, text, 8);
    CHECK(strcmp(text, "open 'x") == 0);
    CHECK(length == (int)strlen(whole));

    check_case("a detail can be measured without room");
    CHECK(weft_detail_text(&detail, NULL, 0) == (int)strlen(whole));

    check_case("a detail ends with what the system said");
    detail.os_code = ENOENT;
    length = weft_detail_text(&detail, text, sizeof(text));
    CHECK(strncmp(text, whole, strlen(whole)) == 0);
    CHECK(strncmp(text + strlen(whole), " (", 2) == 0);
    CHECK(length > 0 && text[length - 1] == ')');
    CHECK((size_t)length > strlen(whole) + 3);

    check_case("a detail without a step is the status alone");
    detail = (weft_detail){WEFT_OK, 0, NULL};
    (void)weft_detail_text(&detail, text, sizeof(text));
    CHECK(strcmp(text, "success") == 0);
}

void test_main(void)
{
    test_list();
    test_detail();
}
