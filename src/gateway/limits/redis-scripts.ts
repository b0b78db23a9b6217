import { script } from '../redis/script.ts';
import { common } from './redis-lua.ts';

/**
 * Keys: one of each gate. Arguments: tokens, lease, life of the lease in milliseconds, the instant of the server's clock after which
 * nothing is to be done (0 for none), then the name and the limit of each gate. Answers 1 when all gates let the request through, 0
 * when not and -1 when it was too late; the time; and of each gate what remains, milliseconds until all is back and milliseconds
 * until the request would pass; -1 for "when the period ends".
 */
export const reserveScript = script(`${common}
local tokens, lease, life = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
if too_late(tonumber(ARGV[4])) then return { -1, now } end
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
  local name, limit = ARGV[3 + i * 2], tonumber(ARGV[4 + i * 2])
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
  local name, limit, state = ARGV[3 + i * 2], tonumber(ARGV[4 + i * 2]), seen[i]
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

/**
 * Keys: one of each gate. Arguments: tokens to add, lease, when it was reserved, the instant after which nothing is to be done, then
 * the name and the limit of each gate. Answers 1, or -1 when it was too late, and the time.
 */
export const settleScript = script(`${common}
local change, lease, taken = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
if too_late(tonumber(ARGV[4])) then return { -1, now } end
for i, key in ipairs(KEYS) do
  local name, limit = ARGV[3 + i * 2], tonumber(ARGV[4 + i * 2])
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
end
return { 1, now }`);

/** Keys: those of gates. Arguments: lease, its life in milliseconds, the instant after which nothing is to be done. A request still runs. */
export const renewScript = script(`${common}
if too_late(tonumber(ARGV[3])) then return { -1, now } end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
return { 1, now }`);

/** Keys: that of a gate. Arguments: its name and its limit. Changes nothing; answers what remains, milliseconds until all is back, the time. */
export const readScript = script(`${common}
local key, name, limit = KEYS[1], ARGV[1], tonumber(ARGV[2])
local used, reset = 0, 0
if name == 'requestsPerMinute' then
  local fields = {}
  local flat = redis.call('HGETALL', key)
  for at = 1, #flat, 2 do fields[flat[at]] = tonumber(flat[at + 1]) end
  local head = fields.head or 0
  for part = math.max(head, math.floor(now / 1000)) - 60, head do
    local count = fields[tostring(part % 61)] or 0
    used = used + count
    if count > 0 then reset = (part + 61) * 1000 - now end
  end
elseif name == 'tokensPerMinute' then
  used = missing_from(key, limit)
  reset = math.ceil(used * 60000 / limit)
elseif name == 'concurrency' then
  used = redis.call('ZCOUNT', key, '(' .. now, '+inf')
  reset = used > 0 and 1000 or 0
else
  local got = redis.call('HMGET', key, 'period', 'used')
  used = tonumber(got[1]) == period_of(name, now) and tonumber(got[2]) or 0
  reset = used > 0 and -1 or 0
end
return { math.max(0, math.floor(limit - used)), reset, now }`);
