/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* condition.h - the condition object, for src/api/ */
#ifndef SLI_OBJECT_CONDITION_H
#define SLI_OBJECT_CONDITION_H

#include "../protocol/condition.h"
#include "handle.h"

struct sluice_condition {
	struct sli_handle handle; /* first */
	struct sli_condition_control *control;
};

int sli_condition_open(const char *name, const struct sli_request *request,
		       sluice_condition **ret_condition);
void sli_condition_close(sluice_condition *condition);
void sli_condition_info(sluice_condition *condition, struct sluice_condition_info *ret_info);
int sli_condition_inspect(struct sli_segment *segment, struct sluice_condition_info *ret_info);
/* Wake everybody on a condition that is only mapped: it was removed. */
void sli_condition_wake_mapped(struct sli_segment *segment);

#endif
