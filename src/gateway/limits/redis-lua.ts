/**
 * What all scripts know. Time is the server's, for the clocks of gateways differ. The counters do what `window.ts`, `bucket.ts` and
 * `counter.ts` do in memory; the month is found as in "chrono-Compatible Low-Level Date Algorithms" (Howard Hinnant).
 */
export const common = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Commands of a connection that was given up still run when a server that hung goes on: who sent them counts on that they did not.
local function too_late(deadline)
  return deadline > 0 and now > deadline
end

local function month_of(ms)
  local days = math.floor(ms / 86400000) + 719468
  local era = math.floor(days / 146097)
  local doe = days - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return year * 12 + month - 1
end

local function period_of(name, ms)
  if name == 'tokensPerDay' then return math.floor(ms / 86400000) end
  return month_of(ms)
end

local function missing_from(key, limit)
  local got = redis.call('HMGET', key, 'missing', 'at')
  local missing, at = tonumber(got[1]) or 0, tonumber(got[2]) or now
  return math.max(0, missing - math.max(0, now - at) * limit / 60000)
end

local function keep_bucket(key, missing, limit)
  redis.call('HSET', key, 'missing', missing, 'at', now)
  redis.call('PEXPIRE', key, math.ceil(missing * 60000 / limit) + 60000)
end

local function keep_quota(key, name, period, used)
  redis.call('HSET', key, 'period', period, 'used', used)
  redis.call('PEXPIRE', key, name == 'tokensPerDay' and 172800000 or 2851200000)
end
`;
