// What bsub's options come to.
#pragma once

#include "jobscript/sheet.h"

namespace bourse::jobscript {

void read_lsf(Sheet& sheet, const Given& given, Directives& out);

}  // namespace bourse::jobscript
