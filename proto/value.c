/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/value.h"

#include "proto/limits.h"
#include "proto/wire.h"
#include "schema/body.pb-c.h"

/* Each type between the member of struct value and its generated message: _get reads, _put writes. */

static void status_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__StatusValue *m = from;
    to->status.status = (enum complaint_status)wire_get_enum(wire, m->status, COMPLAINT_STATUS_COUNT);
    to->status.reason = wire_get_text(wire, m->reason, LIMIT_FIELD_SIZE);
}

static void status_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__StatusValue *m = to;
    simpul__status_value__init(m);
    m->status = (Simpul__ComplaintStatus)wire_put_enum(wire, from->status.status, COMPLAINT_STATUS_COUNT);
    m->reason = wire_put_text(wire, from->status.reason, LIMIT_FIELD_SIZE);
}

static void class_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__ClassValue *m = from;
    to->class.classification = (enum classification)wire_get_enum(wire, m->classification, CLASSIFICATION_COUNT);
    to->class.category = wire_get_text(wire, m->category, LIMIT_FIELD_SIZE);
    to->class.supervisory = m->supervisory;
}

static void class_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__ClassValue *m = to;
    simpul__class_value__init(m);
    m->classification = (Simpul__Classification)wire_put_enum(wire, from->class.classification, CLASSIFICATION_COUNT);
    m->category = wire_put_text(wire, from->class.category, LIMIT_FIELD_SIZE);
    m->supervisory = from->class.supervisory;
}

static void channel_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__ChannelValue *m = from;
    to->channel = (enum channel)wire_get_enum(wire, m->channel, CHANNEL_COUNT);
}

static void channel_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__ChannelValue *m = to;
    simpul__channel_value__init(m);
    m->channel = wire_put_enum(wire, from->channel, CHANNEL_COUNT);
}

static void time_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__TimeValue *m = from;
    (void)wire;
    to->time.ms = m->ms;
}

static void time_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__TimeValue *m = to;
    simpul__time_value__init(m);
    (void)wire;
    m->ms = from->time.ms;
}

static void assign_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__AssignValue *m = from;
    to->assign.opd = wire_get_text(wire, m->opd, LIMIT_FIELD_SIZE);
    to->assign.deadline_ms = m->deadline_ms;
    to->assign.by = wire_get_text(wire, m->by, LIMIT_FIELD_SIZE);
}

static void assign_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__AssignValue *m = to;
    simpul__assign_value__init(m);
    m->opd = wire_put_text(wire, from->assign.opd, LIMIT_FIELD_SIZE);
    m->deadline_ms = from->assign.deadline_ms;
    m->by = wire_put_text(wire, from->assign.by, LIMIT_FIELD_SIZE);
}

static void scope_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__ScopeValue *m = from;
    to->scope = wire_get_scope(wire, m->scope);
}

static void scope_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__ScopeValue *m = to;
    simpul__scope_value__init(m);
    m->scope = wire_put_scope(wire, from->scope);
}

static void request_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__RequestValue *m = from;
    to->request.wanted = wire_get_scope(wire, m->wanted);
    to->request.reason = wire_get_text(wire, m->reason, LIMIT_FIELD_SIZE);
}

static void request_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__RequestValue *m = to;
    simpul__request_value__init(m);
    m->wanted = wire_put_scope(wire, from->request.wanted);
    m->reason = wire_put_text(wire, from->request.reason, LIMIT_FIELD_SIZE);
}

static void flag_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__FlagValue *m = from;
    (void)wire;
    to->flag = m->flag;
}

static void flag_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__FlagValue *m = to;
    simpul__flag_value__init(m);
    (void)wire;
    m->flag = from->flag;
}

static void presence_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__PresenceValue *m = from;
    to->presence.withdrawn = m->withdrawn;
    to->presence.reason = wire_get_text(wire, m->reason, LIMIT_FIELD_SIZE);
}

static void presence_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__PresenceValue *m = to;
    simpul__presence_value__init(m);
    m->withdrawn = from->presence.withdrawn;
    m->reason = wire_put_text(wire, from->presence.reason, LIMIT_FIELD_SIZE);
}

static void number_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__NumberValue *m = from;
    (void)wire;
    to->number = m->number;
}

static void number_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__NumberValue *m = to;
    simpul__number_value__init(m);
    (void)wire;
    m->number = from->number;
}

static void record_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__RecordValue *m = from;
    wire_get_fixed(wire, m->record, &to->record, sizeof to->record);
}

static void record_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__RecordValue *m = to;
    simpul__record_value__init(m);
    (void)wire;
    m->record = wire_put_fixed(&from->record, sizeof from->record);
}

static void text_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__TextValue *m = from;
    to->text = wire_get_text(wire, m->text, LIMIT_FIELD_SIZE);
}

static void text_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__TextValue *m = to;
    simpul__text_value__init(m);
    m->text = wire_put_text(wire, from->text, LIMIT_FIELD_SIZE);
}

static void place_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__PlaceValue *m = from;
    to->place.region = wire_get_text(wire, m->region, LIMIT_FIELD_SIZE);
    to->place.village = wire_get_text(wire, m->village, LIMIT_FIELD_SIZE);
    to->place.address = wire_get_text(wire, m->address, LIMIT_FIELD_SIZE);
    to->place.lat_e7 = m->lat_e7;
    to->place.lon_e7 = m->lon_e7;
}

static void place_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__PlaceValue *m = to;
    simpul__place_value__init(m);
    m->region = wire_put_text(wire, from->place.region, LIMIT_FIELD_SIZE);
    m->village = wire_put_text(wire, from->place.village, LIMIT_FIELD_SIZE);
    m->address = wire_put_text(wire, from->place.address, LIMIT_FIELD_SIZE);
    m->lat_e7 = from->place.lat_e7;
    m->lon_e7 = from->place.lon_e7;
}

static void ref_get(struct wire *wire, const Simpul__Ref *from, struct ref *to)
{
    to->system = wire_get_text(wire, from->system, LIMIT_FIELD_SIZE);
    to->key = wire_get_text(wire, from->key, LIMIT_FIELD_SIZE);
}

static void ref_put(struct wire *wire, const struct ref *from, Simpul__Ref *to)
{
    simpul__ref__init(to);
    to->system = wire_put_text(wire, from->system, LIMIT_FIELD_SIZE);
    to->key = wire_put_text(wire, from->key, LIMIT_FIELD_SIZE);
}

WIRE_LIST(ref, struct ref, Simpul__Ref)

static void refs_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__RefsValue *m = from;
    to->refs.refs = ref_list_get(wire, m->refs, m->n_refs);
    to->refs.count = m->n_refs;
}

static void refs_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__RefsValue *m = to;
    simpul__refs_value__init(m);
    m->refs = ref_list_put(wire, from->refs.refs, from->refs.count, LIMIT_REFS_COUNT);
    m->n_refs = from->refs.count;
}

static void bytes_get(struct wire *wire, const void *from, struct value *to)
{
    const Simpul__BytesValue *m = from;
    to->bytes = wire_get_bytes(wire, m->bytes, LIMIT_FIELD_SIZE);
}

static void bytes_put(struct wire *wire, const struct value *from, void *to)
{
    Simpul__BytesValue *m = to;
    simpul__bytes_value__init(m);
    m->bytes = wire_put_bytes(wire, from->bytes, LIMIT_FIELD_SIZE);
}

struct value_codec {
    const ProtobufCMessageDescriptor *message; /* NULL: raw bytes */
    void (*get)(struct wire *wire, const void *from, struct value *to);
    void (*put)(struct wire *wire, const struct value *from, void *to);
};

static const struct value_codec codecs[] = {
    [VALUE_STATUS] = {&simpul__status_value__descriptor, status_get, status_put},
    [VALUE_CLASS] = {&simpul__class_value__descriptor, class_get, class_put},
    [VALUE_CHANNEL] = {&simpul__channel_value__descriptor, channel_get, channel_put},
    [VALUE_TIME] = {&simpul__time_value__descriptor, time_get, time_put},
    [VALUE_ASSIGN] = {&simpul__assign_value__descriptor, assign_get, assign_put},
    [VALUE_SCOPE] = {&simpul__scope_value__descriptor, scope_get, scope_put},
    [VALUE_REQUEST] = {&simpul__request_value__descriptor, request_get, request_put},
    [VALUE_FLAG] = {&simpul__flag_value__descriptor, flag_get, flag_put},
    [VALUE_PRESENCE] = {&simpul__presence_value__descriptor, presence_get, presence_put},
    [VALUE_NUMBER] = {&simpul__number_value__descriptor, number_get, number_put},
    [VALUE_RECORD] = {&simpul__record_value__descriptor, record_get, record_put},
    [VALUE_TEXT] = {&simpul__text_value__descriptor, text_get, text_put},
    [VALUE_PLACE] = {&simpul__place_value__descriptor, place_get, place_put},
    [VALUE_REFS] = {&simpul__refs_value__descriptor, refs_get, refs_put},
    [VALUE_BYTES] = {&simpul__bytes_value__descriptor, bytes_get, bytes_put},
    [VALUE_SEALED] = {0},
};

static const struct value_codec *value_codec(enum value_type type)
{
    bool known = (uint32_t)type < sizeof codecs / sizeof codecs[0] && codecs[type].message;
    return known ? &codecs[type] : NULL;
}

/* Room for any of the generated messages. */
union packed {
    ProtobufCMessage base;
    Simpul__StatusValue status;
    Simpul__ClassValue class;
    Simpul__ChannelValue channel;
    Simpul__TimeValue time;
    Simpul__AssignValue assign;
    Simpul__ScopeValue scope;
    Simpul__RequestValue request;
    Simpul__FlagValue flag;
    Simpul__PresenceValue presence;
    Simpul__NumberValue number;
    Simpul__RecordValue record;
    Simpul__TextValue text;
    Simpul__PlaceValue place;
    Simpul__RefsValue refs;
    Simpul__BytesValue bytes;
};

static int ref_compare(const struct ref *a, const struct ref *b)
{
    int c = span_compare(a->system, b->system);
    return c != 0 ? c : span_compare(a->key, b->key);
}

static bool refs_are_sorted(const struct value *value)
{
    for (size_t i = 1; i < value->refs.count; i++) {
        if (ref_compare(&value->refs.refs[i - 1], &value->refs.refs[i]) >= 0) {
            return false;
        }
    }
    return true;
}

struct status value_write(const struct value *value, struct arena *arena, struct span *out_bytes)
{
    const struct value_codec *codec = value_codec(value->type);
    if (!codec) {
        return value->bytes.size > LIMIT_FIELD_SIZE ? STATUS_MAKE(STATUS_LIMIT)
                                                    : arena_copy(arena, value->bytes, out_bytes);
    }
    if (value->type == VALUE_REFS) {
        if (value->refs.count > LIMIT_REFS_COUNT) {
            return STATUS_MAKE(STATUS_LIMIT);
        }
        if (!refs_are_sorted(value)) {
            return STATUS_MAKE(STATUS_INVALID);
        }
    }
    struct wire wire;
    union packed packed;
    wire_init(&wire, arena, SIZE_MAX);
    codec->put(&wire, value, &packed);
    return wire_pack(&wire, &packed.base, LIMIT_FIELD_SIZE, out_bytes);
}

/* Foreign refs may stand in any order; few enough for insertion. */
static struct status refs_sort(struct value *value, struct arena *arena)
{
    if (refs_are_sorted(value)) {
        return status_ok();
    }
    struct ref *sorted = arena_array(arena, value->refs.count, sizeof *sorted);
    if (!sorted) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    for (size_t i = 0; i < value->refs.count; i++) {
        const struct ref *ref = &value->refs.refs[i];
        size_t at = count;
        while (at > 0 && ref_compare(&sorted[at - 1], ref) > 0) {
            at--;
        }
        if (at > 0 && ref_compare(&sorted[at - 1], ref) == 0) {
            continue;
        }
        memmove(&sorted[at + 1], &sorted[at], (count - at) * sizeof *sorted);
        sorted[at] = *ref;
        count++;
    }
    value->refs.refs = sorted;
    value->refs.count = count;
    return status_ok();
}

struct status value_read(enum value_type type, struct span bytes, struct arena *arena, struct value *out_value)
{
    if (bytes.size > LIMIT_FIELD_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    const struct value_codec *codec = value_codec(type);
    struct value value = {.type = type};
    if (codec) {
        struct wire wire;
        wire_init(&wire, arena, LIMIT_MESSAGE_MEMORY);
        const void *unpacked = wire_unpack(&wire, codec->message, bytes);
        TRY(wire_end(&wire));
        codec->get(&wire, unpacked, &value);
        TRY(wire_end(&wire));
    } else {
        value.bytes = bytes;
    }
    if (type == VALUE_REFS) {
        TRY(refs_sort(&value, arena));
    }
    *out_value = value;
    return status_ok();
}

struct status value_read_register(uint32_t number, struct span bytes, struct arena *arena, struct value *out_value)
{
    const struct register_info *info = register_info(number);
    return value_read(info ? info->type : VALUE_OPAQUE, bytes, arena, out_value);
}

struct status value_refs_union(struct span a, struct span b, struct arena *arena, struct span *out_bytes)
{
    struct value left;
    struct value right;
    TRY(value_read(VALUE_REFS, a, arena, &left));
    TRY(value_read(VALUE_REFS, b, arena, &right));
    struct ref *refs = arena_array(arena, left.refs.count + right.refs.count, sizeof *refs);
    if (!refs) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    size_t count = 0;
    size_t i = 0;
    size_t j = 0;
    while (i < left.refs.count || j < right.refs.count) {
        int c = i == left.refs.count    ? 1
                : j == right.refs.count ? -1
                                        : ref_compare(&left.refs.refs[i], &right.refs.refs[j]);
        refs[count++] = c <= 0 ? left.refs.refs[i] : right.refs.refs[j];
        i += c <= 0;
        j += c >= 0;
    }
    struct value both = {.type = VALUE_REFS, .refs = {.refs = refs, .count = count}};
    return value_write(&both, arena, out_bytes);
}
