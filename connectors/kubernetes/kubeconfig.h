// Where the API is and how to prove who we are: by a kubeconfig, by files that are named, or by what a pod finds mounted.
#pragma once

#include <string>

#include "base/result.h"

namespace bourse::kubernetes {

struct Access {
  std::string host, port, prefix;   // prefix: a path before "/api", without a '/' at its end
  bool tls = true;
  std::string ca_pem;               // empty with tls: the machine's own authorities
  std::string server_name;          // in its certificate; empty = the host
  std::string certificate_pem, key_pem;
  std::string token;                // used as it is, …
  std::string token_file;           // … or read again whenever the file changes
  std::string name_space;           // of a kubeconfig's context; may be empty
};

// Puts host, port, prefix and tls of "https://host:6443/prefix" into `access`. "http://" is taken for the loopback only. Errors: invalid_argument.
Status read_address(const std::string& address, Access& access);

// A kubeconfig's text; files that it names are relative to `folder`. `context` empty = its current one. Programs that fetch
// credentials (exec, auth-provider), passwords and insecure-skip-tls-verify are refused by name. Errors: invalid_argument, and of files.
Result<Access> read_kubeconfig(const std::string& text, const std::string& folder, const std::string& context);

struct AccessConfig {
  std::string kubeconfig, context;  // or:
  std::string address, ca, token_file, certificate, key, server_name;
};
// Neither a kubeconfig nor an address: what a pod has. Errors: invalid_argument, not_found and others of the files, naming them.
Result<Access> open_access(const AccessConfig& config);

// A file of at most 1 MiB; a symbolic link is followed, since mounted secrets are links. Errors: of host::read_file, naming it.
Result<std::string> read_linked_file(const std::string& path);

}  // namespace bourse::kubernetes
