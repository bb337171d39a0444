/* SPDX-License-Identifier: MIT
 *
 * Recordings of memory: a line for each thing, its kind first, then numbers in
 * a fixed order.
 */
#include "memory_trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define MAGIC "weft-memory-trace 1"

/* Longer than any line that is written. */
#define LINE_BYTES 512

/* What a double still counts one by one. */
#define NUMBER_MOST (UINT64_C(1) << 53)

/* ---------------------------------------------------------------- write --- */

static void put(FILE *file, uint64_t number)
{
    if (number == TRACE_UNKNOWN) {
        fputs(" -", file);
    } else {
        fprintf(file, " %" PRIu64, number);
    }
}

#define PUT_MACHINE(name) put(file, machine->name);
#define PUT_GROUP(name) put(file, group->name);
#define PUT_ROW(name) put(file, row->name);
#define COLUMN(name) " " #name

void trace_write_head(FILE *file, const trace_head *head)
{
    fprintf(file,
            "%s\n"
            "# M" TRACE_MACHINE_LIST(COLUMN) "\n"
                                             "# G" TRACE_GROUP_LIST(
                                                 COLUMN) "\n"
                                                         "# N id name\n"
                                                         "# P" TRACE_ROW_LIST(
                                                             COLUMN) "\n"
                                                                     "H",
            MAGIC);
    put(file, head->total_kib);
    put(file, head->swap_total_kib);
    put(file, head->page_bytes);
    put(file, head->interval_ms);
    fputc('\n', file);
}

void trace_write_machine(FILE *file, const trace_machine *machine)
{
    fputc('M', file);
    TRACE_MACHINE_LIST(PUT_MACHINE)
    fputc('\n', file);
}

void trace_write_group(FILE *file, const trace_group *group)
{
    fputc('G', file);
    TRACE_GROUP_LIST(PUT_GROUP)
    fputc('\n', file);
}

void trace_write_row(FILE *file, const trace_row *row)
{
    fputc('P', file);
    TRACE_ROW_LIST(PUT_ROW)
    fputc('\n', file);
}

#undef PUT_MACHINE
#undef PUT_GROUP
#undef PUT_ROW
#undef COLUMN

void trace_write_process(FILE *file, uint64_t id, const char *name)
{
    char clean[sizeof(((trace_process *)NULL)->name)];

    (void)snprintf(clean, sizeof(clean), "%s", name);
    tool_clean(clean);
    for (char *at = clean; *at != '\0'; at++) {
        *at = *at == ' ' ? '_' : *at;
    }
    fprintf(file, "N %" PRIu64 " %s\n", id, clean[0] != '\0' ? clean : "?");
}

/* ----------------------------------------------------------------- read --- */

typedef struct reader {
    trace *read;
    trace_error *error;
    uint64_t line;
    char *rest; /* of the line */
    char text[LINE_BYTES];
} reader;

TOOL_PRINTF(2, 3)
static bool refuse(reader *from, const char *format, ...)
{
    va_list arguments;

    from->error->line = from->line;
    va_start(arguments, format);
    (void)vsnprintf(from->error->text, sizeof(from->error->text), format,
                    arguments);
    va_end(arguments);
    return false;
}

/* The next word of the line, terminated; NULL: there is none. */
static char *take_word(reader *from)
{
    char *word = from->rest + strspn(from->rest, " ");
    size_t length = strcspn(word, " ");

    from->rest = word + length;
    if (*from->rest != '\0') {
        *from->rest++ = '\0';
    }
    return length > 0 ? word : NULL;
}

static bool take_number(reader *from, const char *name, uint64_t *number)
{
    const char *word = take_word(from);

    if (word == NULL) {
        return refuse(from, "%s is missing", name);
    }
    if (strcmp(word, "-") == 0) {
        *number = TRACE_UNKNOWN;
        return true;
    }
    if (!tool_parse_count(word, number)) {
        return refuse(from, "%s: '%.32s' is not a number", name, word);
    }
    return *number <= NUMBER_MOST ||
           refuse(from, "%s: '%.32s' is too large", name, word);
}

static bool take_known(reader *from, const char *name, uint64_t *number)
{
    return take_number(from, name, number) &&
           (*number != TRACE_UNKNOWN || refuse(from, "%s must be known", name));
}

static bool take_end(reader *from)
{
    const char *word = take_word(from);

    return word == NULL || refuse(from, "'%.32s' is too much", word);
}

/* Room for one more item, twice as many if need be. */
static bool grow(reader *from, void **items, size_t *room, size_t count,
                 size_t bytes, size_t most, const char *what)
{
    size_t more = *room == 0 ? 64 : *room * 2;
    void *grown;

    if (count < *room) {
        return true;
    }
    if (count >= most) {
        return refuse(from, "more than %zu %s", most, what);
    }
    grown = realloc(*items, more * bytes);
    if (grown == NULL) {
        return refuse(from, "no memory");
    }
    *items = grown;
    *room = more;
    return true;
}

static bool read_head(reader *from)
{
    trace_head *head = &from->read->head;

    if (head->page_bytes != 0) {
        return refuse(from, "a second head");
    }
    if (!take_known(from, "total_kib", &head->total_kib) ||
        !take_known(from, "swap_total_kib", &head->swap_total_kib) ||
        !take_known(from, "page_bytes", &head->page_bytes) ||
        !take_known(from, "interval_ms", &head->interval_ms)) {
        return false;
    }
    if (head->total_kib == 0 || head->page_bytes < 512 ||
        head->page_bytes > 1 << 24 || head->interval_ms == 0) {
        return refuse(from, "no machine is like that");
    }
    return take_end(from);
}

#define TAKE(name) take_number(from, #name, &to->name) &&

static bool read_machine(reader *from)
{
    trace *read = from->read;
    trace_tick *tick;
    trace_machine *to;

    if (!grow(from, (void **)&read->ticks, &read->tick_room, read->tick_count,
              sizeof(*read->ticks), TRACE_TICKS_MOST, "ticks")) {
        return false;
    }
    tick = &read->ticks[read->tick_count];
    memset(tick, 0, sizeof(*tick));
    tick->row_first = read->row_count;
    to = &tick->machine;
    if (!(TRACE_MACHINE_LIST(TAKE) take_end(from))) {
        return false;
    }
    if (to->time_ms == TRACE_UNKNOWN || to->available_kib == TRACE_UNKNOWN) {
        return refuse(from, "time_ms and available_kib must be known");
    }
    if (read->tick_count > 0 && to->time_ms <= tick[-1].machine.time_ms) {
        return refuse(from, "time_ms does not grow");
    }
    read->tick_count++;
    return true;
}

static trace_tick *last_tick(reader *from)
{
    trace *read = from->read;

    return read->tick_count > 0 ? &read->ticks[read->tick_count - 1] : NULL;
}

static bool read_group(reader *from)
{
    trace_tick *tick = last_tick(from);
    trace_group *to;

    if (tick == NULL || tick->has_group) {
        return refuse(from, "a group belongs to a tick, once");
    }
    tick->has_group = true;
    to = &tick->group;
    return TRACE_GROUP_LIST(TAKE) take_end(from);
}

static bool read_process(reader *from)
{
    trace *read = from->read;
    const char *name;
    uint64_t id;

    if (!take_known(from, "id", &id)) {
        return false;
    }
    if (id != read->process_count) {
        return refuse(from, "processes are counted from 0, one by one");
    }
    name = take_word(from);
    if (name == NULL) {
        return refuse(from, "the name is missing");
    }
    if (!grow(from, (void **)&read->processes, &read->process_room,
              read->process_count, sizeof(*read->processes),
              TRACE_PROCESSES_MOST, "processes")) {
        return false;
    }
    (void)snprintf(read->processes[id].name, sizeof(read->processes[id].name),
                   "%s", name);
    read->process_count++;
    return take_end(from);
}

static bool read_row(reader *from)
{
    trace *read = from->read;
    trace_tick *tick = last_tick(from);
    trace_row *to;

    if (tick == NULL) {
        return refuse(from, "a process belongs to a tick");
    }
    if (!grow(from, (void **)&read->rows, &read->row_room, read->row_count,
              sizeof(*read->rows), TRACE_ROWS_MOST, "lines of processes")) {
        return false;
    }
    to = &read->rows[read->row_count];
    if (!(TRACE_ROW_LIST(TAKE) take_end(from))) {
        return false;
    }
    if (to->id >= read->process_count) {
        return refuse(from, "no process has this id");
    }
    if (to->resident_kib == TRACE_UNKNOWN) {
        return refuse(from, "resident_kib must be known");
    }
    if (tick->row_count > 0 && to->id <= to[-1].id) {
        return refuse(from, "the processes of a tick are not in order");
    }
    read->row_count++;
    tick->row_count++;
    return true;
}

#undef TAKE

static bool read_line(reader *from)
{
    static const struct {
        char kind;
        bool (*read)(reader *from);
    } kinds[] = {{'M', read_machine},
                 {'G', read_group},
                 {'N', read_process},
                 {'P', read_row}};
    const char *kind;

    if (from->rest[0] == '#' || from->rest[0] == '\0') {
        return true;
    }
    kind = take_word(from);
    if (kind != NULL && strcmp(kind, "H") == 0) {
        return read_head(from);
    }
    if (from->read->head.page_bytes == 0) {
        return refuse(from, "the head is missing");
    }
    for (size_t i = 0; kind != NULL && i < TOOL_COUNT_OF(kinds); i++) {
        if (kind[0] == kinds[i].kind && kind[1] == '\0') {
            return kinds[i].read(from);
        }
    }
    return refuse(from, "no line of a recording");
}

/* One line without its end; false: it has none, or is too long. */
static bool fetch(reader *from, FILE *file, bool *at_end)
{
    char *line = from->text;
    size_t length = 0;
    int byte;

    *at_end = false;
    from->line++;
    while ((byte = getc(file)) != EOF && byte != '\n') {
        if (byte == '\0') {
            return refuse(from, "a byte that is 0");
        }
        if (length == LINE_BYTES - 1) {
            return refuse(from, "longer than %d bytes", LINE_BYTES - 1);
        }
        line[length++] = (char)byte;
    }
    line[length] = '\0';
    from->rest = line;
    *at_end = byte == EOF;
    if (*at_end && length > 0) {
        return refuse(from, "the line is cut");
    }
    return !ferror(file) || refuse(from, "cannot be read");
}

static bool read_lines(reader *from, FILE *file)
{
    bool at_end;

    if (!fetch(from, file, &at_end) || at_end ||
        strcmp(from->text, MAGIC) != 0) {
        return refuse(from, "not a recording of memory (version 1)");
    }
    for (;;) {
        if (!fetch(from, file, &at_end)) {
            return false;
        }
        if (at_end) {
            break;
        }
        if (!read_line(from)) {
            return false;
        }
    }
    from->line = 0;
    return from->read->tick_count >= 2 || refuse(from, "fewer than two ticks");
}

bool trace_read(FILE *file, trace *read, trace_error *error)
{
    reader from = {.read = read, .error = error};

    memset(read, 0, sizeof(*read));
    memset(error, 0, sizeof(*error));
    if (read_lines(&from, file)) {
        return true;
    }
    trace_free(read);
    return false;
}

void trace_free(trace *read)
{
    free(read->ticks);
    free(read->rows);
    free(read->processes);
    memset(read, 0, sizeof(*read));
}
