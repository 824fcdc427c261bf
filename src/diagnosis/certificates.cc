#include "diagnosis/certificates.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <ctime>
#include <memory>

namespace tamada::diagnosis {

core::Result<core::WallTime> end_of_certificate_file(const std::string& file) {
  std::FILE* in = std::fopen(file.c_str(), "re");
  if (in == nullptr) return core::fail("cannot be read");
  const std::unique_ptr<X509, void (*)(X509*)> certificate(PEM_read_X509(in, nullptr, nullptr, nullptr), X509_free);
  std::fclose(in);
  std::tm fields{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &fields) != 1)
    return core::fail("no certificate that can be read");
  return core::WallTime(std::chrono::seconds(timegm(&fields)));
}

Certificate certificate_of(std::string where, const core::Result<core::WallTime>& end) {
  return {.where = std::move(where),
          .ends = end ? std::optional(*end) : std::nullopt,
          .error = end ? "" : end.error().what};
}

std::vector<Certificate> certificates_in(const std::vector<std::pair<std::string, std::string>>& files) {
  std::vector<Certificate> all;
  for (const auto& [key, file] : files) {
    if (!file.empty()) all.push_back(certificate_of(key + " " + file, end_of_certificate_file(file)));
  }
  return all;
}

}  // namespace tamada::diagnosis
