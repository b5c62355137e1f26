// The options of `bourse-connector conform`.
#pragma once

#include <CLI/CLI.hpp>

#include "connectors/daemon/conform.h"

namespace bourse::connector {

// `options` must outlive the parsing.
CLI::App* add_conform_command(CLI::App& app, ConformOptions& options);

}  // namespace bourse::connector
