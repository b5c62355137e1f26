// What sbatch's options come to.
#pragma once

#include "jobscript/sheet.h"

namespace bourse::jobscript {

void read_slurm(Sheet& sheet, const Given& given, Directives& out);

}  // namespace bourse::jobscript
