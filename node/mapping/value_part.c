/* SPDX-License-Identifier: Apache-2.0 */
#include "node/mapping/value_part.h"

static struct scope_id scope_or_none(struct span text)
{
    struct scope_id scope = {{0}};
    return status_is_ok(scope_id_parse(trimmed(text), &scope)) ? scope : (struct scope_id){{0}};
}

/* Long because it is a list: one case a part. */
void value_put(struct value *value, enum field_part part, const struct part_value *from)
{
    switch (part) {
    case PART_TEXT:
        value->text = from->text;
        break;
    case PART_STATUS:
        value->status.status = (enum complaint_status)from->number;
        value->status.reason = from->text;
        break;
    case PART_REASON:
        if (value->type == VALUE_STATUS) {
            value->status.reason = from->text;
        } else {
            value->request.reason = from->text;
        }
        break;
    case PART_CLASSIFICATION:
        value->class.classification = (enum classification)from->number;
        break;
    case PART_CATEGORY:
        value->class.category = from->text;
        break;
    case PART_SUPERVISORY:
        value->class.supervisory = from->number != 0;
        break;
    case PART_CHANNEL:
        value->channel = (enum channel)from->number;
        break;
    case PART_TIME:
        value->time.ms = from->ms;
        break;
    case PART_OPD:
        value->assign.opd = from->text;
        break;
    case PART_DEADLINE:
        value->assign.deadline_ms = from->ms;
        break;
    case PART_BY:
        value->assign.by = from->text;
        break;
    case PART_SCOPE:
        if (value->type == VALUE_SCOPE) {
            value->scope = scope_or_none(from->text);
        } else {
            value->request.wanted = scope_or_none(from->text);
        }
        break;
    case PART_FLAG:
        value->flag = from->number != 0;
        break;
    case PART_NUMBER:
        value->number = from->count;
        break;
    case PART_REGION:
        value->place.region = from->text;
        break;
    case PART_VILLAGE:
        value->place.village = from->text;
        break;
    case PART_ADDRESS:
        value->place.address = from->text;
        break;
    case PART_LAT:
        value->place.lat_e7 = from->e7;
        break;
    case PART_LON:
        value->place.lon_e7 = from->e7;
        break;
    case PART_REF:
    case PART_OWN_KEY:
        break;
    }
}

static struct part_value text_part(struct span text)
{
    return (struct part_value){.there = text.size > 0, .text = text};
}

/* `scope` is borrowed. */
static struct part_value scope_part(const struct scope_id *scope)
{
    return text_part(span_of(scope->text, scope_id_size(*scope)));
}

static struct part_value word_part(uint32_t number)
{
    return (struct part_value){.there = number != 0, .number = number};
}

static struct part_value flag_part(bool flag)
{
    return (struct part_value){.there = true, .number = flag ? 1 : 0};
}

static struct part_value degrees_part(const struct value *value, int32_t e7)
{
    return (struct part_value){.there = value->place.lat_e7 != 0 || value->place.lon_e7 != 0, .e7 = e7};
}

struct part_value value_take(const struct value *value, enum field_part part)
{
    struct part_value taken;
    switch (part) {
    case PART_TEXT:
        return (struct part_value){.there = true, .text = value->text};
    case PART_STATUS:
        taken = word_part((uint32_t)value->status.status);
        taken.text = value->status.reason;
        return taken;
    case PART_REASON:
        return text_part(value->type == VALUE_STATUS ? value->status.reason : value->request.reason);
    case PART_CLASSIFICATION:
        return word_part((uint32_t)value->class.classification);
    case PART_CATEGORY:
        return text_part(value->class.category);
    case PART_SUPERVISORY:
        return flag_part(value->class.supervisory);
    case PART_CHANNEL:
        return word_part((uint32_t)value->channel);
    case PART_TIME:
        return (struct part_value){.there = value->time.ms != 0, .ms = value->time.ms};
    case PART_OPD:
        return text_part(value->assign.opd);
    case PART_DEADLINE:
        return (struct part_value){.there = value->assign.deadline_ms != 0, .ms = value->assign.deadline_ms};
    case PART_BY:
        return text_part(value->assign.by);
    case PART_SCOPE:
        return scope_part(value->type == VALUE_SCOPE ? &value->scope : &value->request.wanted);
    case PART_FLAG:
        return flag_part(value->flag);
    case PART_NUMBER:
        return (struct part_value){.there = value->number != 0, .count = value->number};
    case PART_REGION:
        return text_part(value->place.region);
    case PART_VILLAGE:
        return text_part(value->place.village);
    case PART_ADDRESS:
        return text_part(value->place.address);
    case PART_LAT:
        return degrees_part(value, value->place.lat_e7);
    case PART_LON:
        return degrees_part(value, value->place.lon_e7);
    case PART_REF:
    case PART_OWN_KEY:
        break;
    }
    return (struct part_value){.there = false};
}
