/* SPDX-License-Identifier: MIT
 *
 * Options as data: one table row tells the parser and the help all about an
 * option. Options and operands may be mixed; operands are moved to the front
 * of argv, in order.
 */
#include <string.h>

#include "tool.h"

/* Where the help texts begin and end, in columns. */
#define HELP_COLUMN 26
#define HELP_WIDTH 79

const tool_choice tool_wait_modes[] = {{"spin", WEFT_WAIT_SPIN},
                                       {"adaptive", WEFT_WAIT_ADAPTIVE},
                                       {"block", WEFT_WAIT_BLOCK},
                                       {NULL, 0}};

const char *tool_wait_word(weft_wait wait)
{
    for (const tool_choice *mode = tool_wait_modes; mode->word != NULL;
         mode++) {
        if (mode->value == (int)wait) {
            return mode->word;
        }
    }
    return "default";
}

/* ------------------------------------------------------------- numbers --- */

/* Leading digits; `*end` is what follows them. False: none, or too many. */
static bool parse_digits(const char *text, const char **end, uint64_t *value)
{
    uint64_t sum = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (sum > (UINT64_MAX - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *value = sum;
    *end = at;
    return at != text;
}

static bool scale(uint64_t *value, uint64_t factor)
{
    if (*value > UINT64_MAX / factor) {
        return false;
    }
    *value *= factor;
    return true;
}

bool tool_parse_count(const char *text, uint64_t *count)
{
    const char *end;

    return parse_digits(text, &end, count) && *end == '\0';
}

bool tool_parse_size(const char *text, uint64_t *bytes)
{
    static const char suffixes[] = "KMG";
    const char *end;
    const char *suffix;

    if (!parse_digits(text, &end, bytes)) {
        return false;
    }
    if (*end == '\0') {
        return true;
    }
    suffix = strchr(suffixes, *end);
    return suffix != NULL && end[1] == '\0' &&
           scale(bytes, UINT64_C(1) << (10 * (suffix - suffixes + 1)));
}

/* The nanoseconds in a unit of time, or 0. */
static uint64_t duration_unit(const char *suffix)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1},
                 {"us", 1000},
                 {"ms", 1000000},
                 {"s", UINT64_C(1000000000)},
                 {"m", UINT64_C(60000000000)},
                 {"h", UINT64_C(3600000000000)}};

    for (size_t i = 0; i < TOOL_COUNT_OF(units); i++) {
        if (strcmp(units[i].name, suffix) == 0) {
            return units[i].ns;
        }
    }
    return 0;
}

/* The digits behind a point, in nanoseconds; finer ones than 1 ns are cut. */
static uint64_t fraction_ns(const char *digits, const char *end, uint64_t unit)
{
    uint64_t sum = 0;

    for (; digits < end && unit > 0; digits++) {
        unit /= 10;
        sum += (uint64_t)(*digits - '0') * unit;
    }
    return sum;
}

bool tool_parse_duration(const char *text, uint64_t *ns)
{
    const char *end;
    const char *fraction = NULL;
    uint64_t unit;

    if (!parse_digits(text, &end, ns)) {
        return false;
    }
    if (*end == '.') {
        uint64_t unused;

        fraction = end + 1;
        if (!parse_digits(fraction, &end, &unused)) {
            return false;
        }
    }
    unit = duration_unit(end);
    if (unit == 0 || !scale(ns, unit)) {
        return false;
    }
    if (fraction != NULL) {
        uint64_t part = fraction_ns(fraction, end, unit);

        if (*ns > UINT64_MAX - part) {
            return false;
        }
        *ns += part;
    }
    return true;
}

/* ------------------------------------------------------------- parsing --- */

/* One command line while it is read. */
typedef struct command_line {
    const tool_syntax *syntax;
    char *values;
    char **argv;
    int argc;
    int next; /* the argument to look at next */
} command_line;

static bool has_argument(const tool_option *option)
{
    return option->kind != TOOL_FLAG && option->kind != TOOL_SET;
}

static const tool_option *find_long(const tool_syntax *syntax, const char *name,
                                    size_t length)
{
    for (size_t i = 0; i < syntax->option_count; i++) {
        const tool_option *option = &syntax->options[i];

        if (strncmp(option->name, name, length) == 0 &&
            option->name[length] == '\0') {
            return option;
        }
    }
    return NULL;
}

static const tool_option *find_short(const tool_syntax *syntax, char letter)
{
    for (size_t i = 0; i < syntax->option_count; i++) {
        if (letter != '\0' && syntax->options[i].letter == letter) {
            return &syntax->options[i];
        }
    }
    return NULL;
}

/* Sets an int that several options share, unless another one has set it. */
static bool take_set(const command_line *line, const tool_option *option,
                     int *place)
{
    const tool_syntax *syntax = line->syntax;

    for (size_t i = 0; i < syntax->option_count; i++) {
        const tool_option *other = &syntax->options[i];

        if (other->kind == TOOL_SET && other->offset == option->offset &&
            other->value == *place && other != option) {
            tool_usage_error(syntax->command,
                             "options '--%s' and '--%s' exclude each other",
                             other->name, option->name);
            return false;
        }
    }
    *place = option->value;
    return true;
}

static const char *take_choice(const tool_option *option, int *place,
                               const char *argument)
{
    for (const tool_choice *choice = option->choices; choice->word != NULL;
         choice++) {
        if (strcmp(choice->word, argument) == 0) {
            *place = choice->value;
            return NULL;
        }
    }
    return "is not one of";
}

/* COUNT, SIZE and DURATION. Returns NULL, or why not. */
static const char *take_number(const tool_option *option, uint64_t *place,
                               const char *argument)
{
    uint64_t value = 0;

    if (option->kind == TOOL_COUNT && !tool_parse_count(argument, &value)) {
        return "is not a number";
    }
    if (option->kind == TOOL_SIZE && !tool_parse_size(argument, &value)) {
        return "is not a size";
    }
    if (option->kind == TOOL_DURATION &&
        !tool_parse_duration(argument, &value)) {
        return "is not a duration (such as 500ms, 2s, 1.5m)";
    }
    if (value < option->least) {
        return "is too small";
    }
    if (option->most != 0 && value > option->most) {
        return "is too large";
    }
    if (option->power_of_two && (value & (value - 1)) != 0) {
        return "is not a power of two";
    }
    *place = value;
    return NULL;
}

static bool take_argument(const command_line *line, const tool_option *option,
                          const char *argument)
{
    void *place = line->values + option->offset;
    const char *why = NULL;
    const char *more = "";

    switch (option->kind) {
    case TOOL_COUNT:
    case TOOL_SIZE:
    case TOOL_DURATION:
        why = take_number(option, place, argument);
        break;
    case TOOL_CHOICE:
        why = take_choice(option, place, argument);
        more = option->label;
        break;
    case TOOL_CALL:
        why = option->call(place, argument);
        break;
    case TOOL_TEXT:
        *(const char **)place = argument;
        break;
    case TOOL_FLAG:
    case TOOL_SET:
        break;
    }
    if (why != NULL) {
        tool_usage_error(line->syntax->command, "option '--%s': '%s' %s%s%s",
                         option->name, argument, why, *more ? " " : "", more);
    }
    return why == NULL;
}

static bool take_plain(const command_line *line, const tool_option *option)
{
    void *place = line->values + option->offset;

    if (option->kind == TOOL_SET) {
        return take_set(line, option, place);
    }
    *(bool *)place = true;
    return true;
}

/* An option whose argument, if it has one, is `attached` or comes next. */
static bool take_option(command_line *line, const tool_option *option,
                        const char *attached)
{
    if (!has_argument(option)) {
        return take_plain(line, option);
    }
    if (attached == NULL && line->next < line->argc) {
        attached = line->argv[line->next++];
    }
    if (attached == NULL) {
        tool_usage_error(line->syntax->command, "option '--%s' needs %s",
                         option->name, option->label);
        return false;
    }
    return take_argument(line, option, attached);
}

static bool take_long(command_line *line, const char *name)
{
    const tool_syntax *syntax = line->syntax;
    size_t length = strcspn(name, "=");
    const char *attached = name[length] == '=' ? name + length + 1 : NULL;
    const tool_option *option = find_long(syntax, name, length);

    if (option == NULL) {
        const char *nearest = tool_nearest(
            name, syntax->options, syntax->option_count, sizeof(tool_option));

        tool_usage_error(syntax->command, "unknown option '--%.*s'%s%s%s",
                         (int)length, name, nearest ? "; did you mean '--" : "",
                         nearest ? nearest : "", nearest ? "'?" : "");
        return false;
    }
    if (attached != NULL && !has_argument(option)) {
        tool_usage_error(syntax->command, "option '--%s' takes no argument",
                         option->name);
        return false;
    }
    return take_option(line, option, attached);
}

/* One or more short options in one argument, such as -qn5. */
static bool take_short(command_line *line, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        const tool_option *option = find_short(line->syntax, *letters);

        if (option == NULL) {
            tool_usage_error(line->syntax->command, "unknown option '-%c'",
                             *letters);
            return false;
        }
        if (has_argument(option)) {
            return take_option(line, option,
                               letters[1] != '\0' ? letters + 1 : NULL);
        }
        if (!take_plain(line, option)) {
            return false;
        }
    }
    return true;
}

static bool check_operands(const tool_syntax *syntax,
                           const tool_operands *operands)
{
    if (operands->count < syntax->operands_least) {
        tool_usage_error(syntax->command, "too few arguments");
        return false;
    }
    if (operands->count > syntax->operands_most) {
        tool_usage_error(syntax->command, "unexpected argument '%s'",
                         operands->items[syntax->operands_most]);
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------- help --- */

/* Prints a text in the right-hand column, broken at blanks. */
static void print_wrapped(const char *text)
{
    size_t room = HELP_WIDTH - HELP_COLUMN;

    while (strlen(text) > room) {
        size_t length = room;

        while (length > 0 && text[length] != ' ') {
            length--;
        }
        if (length == 0) {
            length = strcspn(text, " ");
        }
        printf("%.*s\n", (int)length, text);
        text += length;
        text += strspn(text, " ");
        if (*text == '\0') {
            return;
        }
        printf("%*s", HELP_COLUMN, "");
    }
    printf("%s\n", text);
}

static void print_option(const tool_option *option)
{
    char left[80];
    char letter[5] = "    ";
    bool label = has_argument(option);
    int length;

    if (option->letter != '\0') {
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    }
    length = snprintf(left, sizeof(left), "  %s--%s%s%s", letter, option->name,
                      label ? " " : "", label ? option->label : "");
    if (length > HELP_COLUMN - 2) {
        printf("%s\n%*s", left, HELP_COLUMN, "");
    } else {
        printf("%-*s", HELP_COLUMN, left);
    }
    print_wrapped(option->help);
}

static void print_help(const tool_syntax *syntax)
{
    static const tool_option help = {
        .name = "help", .letter = 'h', .help = "print this help"};

    printf("Usage: weft %s%s%s\n\n%s\nOptions:\n", syntax->command,
           *syntax->usage ? " " : "", syntax->usage, syntax->about);
    for (size_t i = 0; i < syntax->option_count; i++) {
        print_option(&syntax->options[i]);
    }
    print_option(&help);
}

/* -------------------------------------------------------------- driver --- */

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

bool tool_parse(const tool_syntax *syntax, int argc, char **argv, void *values,
                tool_operands *operands, int *exit_code)
{
    command_line line = {syntax, values, argv, argc, 1};
    bool options = true;

    operands->items = argv + 1;
    operands->count = 0;
    *exit_code = TOOL_USAGE;
    while (line.next < argc) {
        char *argument = argv[line.next++];

        if (!options || argument[0] != '-' || argument[1] == '\0') {
            operands->items[operands->count++] = argument;
            options = options && !syntax->is_for_program;
        } else if (strcmp(argument, "--") == 0) {
            options = false;
        } else if (is_help(argument)) {
            print_help(syntax);
            *exit_code = TOOL_OK;
            return false;
        } else if (!(argument[1] == '-' ? take_long(&line, argument + 2)
                                        : take_short(&line, argument + 1))) {
            return false;
        }
    }
    return check_operands(syntax, operands);
}
