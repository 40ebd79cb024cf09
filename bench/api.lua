-- What wrk asks: the address it was given, or each time other days of it (OTHER=1). PAUSE: milliseconds between an answer and
-- the next request of a connection, plus or minus a half, to keep to a part of the load.
local other = os.getenv("OTHER") == "1"
local pause = tonumber(os.getenv("PAUSE") or "0")
local token = os.getenv("TOKEN") or ""
local number = 0

wrk.headers["Authorization"] = "Bearer " .. token

function setup(thread)
    number = number + 1
    thread:set("seed", number)
end

function init(args)
    math.randomseed(os.time() * 1000 + seed)
end

function request()
    if not other then
        return wrk.format()
    end
    local first = string.format("2026-01-%02d", math.random(1, 28))
    local last = string.format("2026-02-%02d", math.random(1, 28))
    local limit = math.random(20, 40)
    return wrk.format(nil, string.format("%s?from=%s&to=%s&limit=%d", wrk.path, first, last, limit))
end

if pause > 0 then
    function delay()
        return math.random(math.floor(pause / 2), math.ceil(pause * 3 / 2))
    end
end
