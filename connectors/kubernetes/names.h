// What may stand where in a Kubernetes object or in an address of its API. Pure.
// Source: RFC 1123 and the API's own rules of names and labels.
#pragma once

#include <string>
#include <string_view>

namespace bourse::kubernetes {

bool is_dns_label(std::string_view text);       // [a-z0-9-], 1 to 63, no '-' at its ends
bool is_dns_subdomain(std::string_view text);   // labels with dots, 1 to 253
bool is_label_value(std::string_view text);     // empty, or [A-Za-z0-9._-] up to 63 that begins and ends with a letter or digit
bool is_qualified_name(std::string_view text);  // "nvidia.com/gpu": of labels' keys and of resources
bool is_image(std::string_view text);           // "registry:5000/path/name:tag@sha256:…", at most 512

// The Job of a marker: "bourse-" and 128 bits of its SHA-256, so the same marker always has the same name, and pods' names,
// which append to it, stay within 63.
std::string job_name(std::string_view marker);
bool is_job_name(std::string_view text);

// For queries and paths: everything but [A-Za-z0-9._~-] as %XX.
std::string percent_encoded(std::string_view text);

// The labels and annotations that we set. `.internal` is nobody's domain.
inline constexpr const char* kManagedBy = "app.kubernetes.io/managed-by";  // = "bourse"
inline constexpr const char* kJobLabel = "bourse.internal/job";            // on pods: the Job's name
inline constexpr const char* kPoolLabel = "bourse.internal/pool";
inline constexpr const char* kUserLabel = "bourse.internal/user";
inline constexpr const char* kMarker = "bourse.internal/marker";
inline constexpr const char* kTitle = "bourse.internal/name";              // the user's name for the job
inline constexpr const char* kWalltime = "bourse.internal/walltime-seconds";
inline constexpr const char* kStopped = "bourse.internal/stopped";         // "cancelled", or why the driver ended it
inline constexpr const char* kOurs = "app.kubernetes.io/managed-by=bourse";
inline constexpr const char* kContainer = "job";

}  // namespace bourse::kubernetes
