import { createHash } from 'node:crypto';

/** A script that Redis runs as one step; it keeps it under its hash. */
export type Script = { readonly lua: string; readonly sha: string };

/**
 * What both scripts know. Time is the server's, for the clocks of gateways differ. The counters do what `window.ts`, `bucket.ts` and
 * `counter.ts` do in memory; the month is found as in "chrono-Compatible Low-Level Date Algorithms" (Howard Hinnant).
 */
const common = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

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

/**
 * Keys: one of each gate. Arguments: tokens, lease, life of the lease in milliseconds, then the name and the limit of each gate.
 * Answers whether all gates let the request through, the time, and of each gate what remains, milliseconds until all is back and
 * milliseconds until the request would pass; -1 for "when the period ends".
 */
export const reserveScript = script(`${common}
local tokens, lease, life = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local granted = true
local seen = {}

local function look_at_window(key, limit)
  local part = math.floor(now / 1000)
  local got = redis.call('HMGET', key, 'head', 'total')
  local head, total = tonumber(got[1]), tonumber(got[2])
  if not head or part - head >= 61 then
    redis.call('DEL', key)
    head, total = part, 0
  elseif head < part then
    while head < part do
      head = head + 1
      local old = redis.call('HGET', key, head % 61)
      if old then
        total = total - tonumber(old)
        redis.call('HDEL', key, head % 61)
      end
    end
    redis.call('HSET', key, 'head', head, 'total', total)
  end
  return { passes = total < limit, head = head, total = total }
end

for i, key in ipairs(KEYS) do
  local name, limit = ARGV[2 + i * 2], tonumber(ARGV[3 + i * 2])
  local state
  if name == 'requestsPerMinute' then
    state = look_at_window(key, limit)
  elseif name == 'tokensPerMinute' then
    local missing = missing_from(key, limit)
    state = { passes = limit - missing >= math.min(tokens, limit), missing = missing }
  elseif name == 'concurrency' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    local running = redis.call('ZCARD', key)
    state = { passes = running < limit, running = running }
  else
    local got = redis.call('HMGET', key, 'period', 'used')
    local period = period_of(name, now)
    local used = tonumber(got[1]) == period and tonumber(got[2]) or 0
    state = { passes = used + math.min(tokens, limit) <= limit, period = period, used = used }
  end
  granted = granted and state.passes
  seen[i] = state
end

local function window_waits(key, state, limit)
  local counts = {}
  local flat = redis.call('HGETALL', key)
  for at = 1, #flat, 2 do counts[flat[at]] = tonumber(flat[at + 1]) end
  local left, pass, reset = state.total, 0, 0
  for part = state.head - 60, state.head do
    local count = counts[tostring(part % 61)] or 0
    if count > 0 then
      local due = (part + 61) * 1000 - now
      if left >= limit and left - count < limit then pass = due end
      left = left - count
      reset = due
    end
  end
  return pass, reset
end

local answer = { granted and 1 or 0, now }
for i, key in ipairs(KEYS) do
  local name, limit, state = ARGV[2 + i * 2], tonumber(ARGV[3 + i * 2]), seen[i]
  local remaining, reset, wait = 0, 0, 0
  if name == 'requestsPerMinute' then
    if granted then
      state.total = state.total + 1
      redis.call('HINCRBY', key, state.head % 61, 1)
      redis.call('HSET', key, 'head', state.head, 'total', state.total)
      redis.call('PEXPIRE', key, 62000)
      reset = (state.head + 61) * 1000 - now
    else
      wait, reset = window_waits(key, state, limit)
    end
    remaining = limit - state.total
  elseif name == 'tokensPerMinute' then
    if granted then
      state.missing = state.missing + tokens
      keep_bucket(key, state.missing, limit)
    else
      wait = math.max(0, math.ceil((math.min(tokens, limit) - limit + state.missing) * 60000 / limit))
    end
    remaining = limit - state.missing
    reset = math.ceil(state.missing * 60000 / limit)
  elseif name == 'concurrency' then
    if granted then
      state.running = state.running + 1
      redis.call('ZADD', key, now + life, lease)
      redis.call('PEXPIRE', key, life)
    elseif not state.passes then
      wait = 1000
    end
    remaining = limit - state.running
    reset = 1000
  else
    if granted then
      state.used = state.used + tokens
      keep_quota(key, name, state.period, state.used)
    elseif not state.passes then
      wait = -1
    end
    remaining = limit - state.used
    reset = -1
  end
  answer[i * 3] = math.max(0, math.floor(remaining))
  answer[i * 3 + 1] = reset
  answer[i * 3 + 2] = wait
end
return answer`);

/** Keys: one of each gate. Arguments: tokens to add, lease, when it was reserved, then the name and the limit of each gate. */
export const settleScript = script(`${common}
local change, lease, taken = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
for i, key in ipairs(KEYS) do
  local name, limit = ARGV[2 + i * 2], tonumber(ARGV[3 + i * 2])
  if name == 'tokensPerMinute' then
    keep_bucket(key, math.max(0, missing_from(key, limit) + change), limit)
  elseif name == 'concurrency' then
    redis.call('ZREM', key, lease)
  elseif name == 'tokensPerDay' or name == 'tokensPerMonth' then
    local got = redis.call('HMGET', key, 'period', 'used')
    local period = period_of(name, taken)
    if period == period_of(name, now) then
      local used = tonumber(got[1]) == period and tonumber(got[2]) or 0
      keep_quota(key, name, period, math.max(0, used + change))
    end
  end
end`);

/** Keys: one of each gate. Arguments: lease, its life in milliseconds. Says that a request still runs. */
export const renewScript = script(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end`);

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
