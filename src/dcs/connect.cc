#include "dcs/connect.h"

#include "dcs/etcd3.h"

namespace tamada::dcs {

core::Result<std::unique_ptr<Dcs>> connect(const config::Etcd& etcd) { return Etcd3::create(etcd); }
core::Result<std::unique_ptr<Listing>> connect_listing(const config::Etcd& etcd) { return Etcd3::create(etcd, true); }

}  // namespace tamada::dcs
