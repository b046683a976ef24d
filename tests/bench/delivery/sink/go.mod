module filum-bridge/bench/sink

go 1.24
