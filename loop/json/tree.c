#include "loop/json/tree.h"

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include <duet/json.h>
#include <string.h>

struct parse {
	duet_bytes text;
	cJSON *tree;
};

/* cJSON descends once for each level: not on a task's stack. */
static void parse_on_loop_stack(void *arg)
{
	struct parse *p = arg;

	p->tree = cJSON_ParseWithLength(p->text.data, p->text.len);
}

int duet__json_tree(duet_bytes text, cJSON **tree)
{
	struct parse p = {.text = text};
	int r;

	if (text.len > DUET__JSON_TREE_MAX)
		return duet__failf(DUET_E2BIG, "the JSON text is larger than 64 KiB");
	if ((r = duet_json_check(text)) < 0)
		return r;
	duet__on_loop_stack(parse_on_loop_stack, &p);
	if (p.tree == NULL)
		return duet__failf(DUET_EJSON, "the JSON text cannot be parsed");
	*tree = p.tree;
	return 0;
}

const char *duet__json_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}
