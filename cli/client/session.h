// Which market the command line talks to and as whom: environment over files, files in the user's configuration folder.
//
//   <folder>/cli.toml   url, ca           written by `bourse login`
//   <folder>/token      the access token  0600
//
// The folder is $BOURSE_CONFIG_DIR, else $XDG_CONFIG_HOME/bourse, else ~/.config/bourse. BOURSE_URL, BOURSE_CA,
// BOURSE_TOKEN and BOURSE_TOKEN_FILE win over what it holds.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/client/client.h"

namespace bourse::cli {

std::string config_folder();
// Errors: invalid_argument (a file that can't be read or is not TOML; no url anywhere).
Result<Endpoint> load_endpoint();
// Remembers market and token. Errors: unavailable (I/O).
Status remember(const Endpoint& endpoint);
// Forgets the token; true when there was one.
bool forget_token();

}  // namespace bourse::cli
