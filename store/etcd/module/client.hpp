// store/etcd/module/client.hpp - what the module is made of; outside it only etcd_client.hpp is used.
#pragma once

#include <memory>

#include "store/etcd/etcd_client.hpp"

namespace berth::store::etcd {

/// See EtcdModule.
Result<std::unique_ptr<EtcdClient>> open_client(EtcdAccess access);

}  // namespace berth::store::etcd
