// Makes the store that a configuration names. Only this file knows which implementations of Dcs there are.
#pragma once

#include <memory>

#include "dcs/dcs.h"
#include "dcs/listing.h"

namespace tamada::config {
struct Etcd;
}

namespace tamada::dcs {

// Sends nothing yet. An error when no endpoint is named, one of them is not an address, or http and https are mixed.
core::Result<std::unique_ptr<Dcs>> connect(const config::Etcd& etcd);
core::Result<std::unique_ptr<Listing>> connect_listing(const config::Etcd& etcd);

}  // namespace tamada::dcs
