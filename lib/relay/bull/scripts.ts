/**
 * What is done to a queue of Bull 4, each in one step. Bull's own `add` does not tell a job that it
 * stored from one whose id it knew, its `addBulk` forgets which of them failed, and a priority makes it
 * walk over the backlog. Bull's own loop takes a job before it locks it, fails a job when the answer to
 * its completion is lost, stops renewing a lock after one failure, and takes nothing while Redis is at
 * `maxmemory`, so that nothing ever gets free.
 *
 * Keys are Bull's: lists `wait` (`paused` while the queue is), `active`; sorted sets `delayed` (score:
 * milliseconds × 4096 + order) and `failed`; a hash for each job and `JOB:lock`. Ours are the lists
 * `relay:high` and `relay:low` beside `wait`, and the fields `relay:…` of a job's hash. Lists begin at
 * their right end. A job of a named mailer waits in a list of that mailer's own, `relay:CLASS@MAILER`, and
 * `relay:mailers` is the set of these; one of the unnamed mailer, and of 0.1.0, which stored no mailer, in `wait` and the lists beside it. Every script gets KEYS[1] `wait`, ARGV[1] what all keys begin with, ARGV[2] the
 * owner of locks. Redis's clock counts.
 */

/** `line`: where jobs of a class wait. */
const LINES = `
local base, owner = ARGV[1], ARGV[2]
local call = redis.call

local function line(class, mailer)
  if mailer and mailer ~= '' then return base .. 'relay:' .. class .. '@' .. mailer end
  if class == 'high' or class == 'low' then return base .. 'relay:' .. class end
  if call('EXISTS', base .. 'meta-paused') == 1 then return base .. 'paused' end
  return base .. 'wait'
end

local function whole(number) return string.format('%.0f', number) end
local function announce(id) call('PUBLISH', base .. 'waiting@' .. owner, id) end
`;

/**
 * ARGV: for each job its id, the mail's id and Message-ID, Bull's options, timestamp and delay, when it
 * is due or 0, its class, its data, its mailer, its digest. Returns for each 0, or the mail's ids and the
 * digest of the job that had its id.
 *
 * INCR is the first write: at maxmemory Redis refuses it, and with it all.
 */
const STORE = `
local answers, woken = {}, false
for i = 3, #ARGV, 11 do
  local id, job = ARGV[i], base .. ARGV[i]
  local order = call('INCR', base .. 'id')
  if call('EXISTS', job) == 1 then
    local known = call('HMGET', job, 'name', 'relay:messageId', 'relay:digest')
    table.insert(answers, { known[1] or '', known[2] or '', known[3] or '' })
  else
    local due, class, mailer = tonumber(ARGV[i + 6]), ARGV[i + 7], ARGV[i + 9]
    call('HSET', job, 'name', ARGV[i + 1], 'data', ARGV[i + 8], 'opts', ARGV[i + 3],
      'timestamp', ARGV[i + 4], 'delay', ARGV[i + 5], 'priority', '0',
      'relay:messageId', ARGV[i + 2], 'relay:class', class, 'relay:mailer', mailer)
    if ARGV[i + 10] ~= '' then call('HSET', job, 'relay:digest', ARGV[i + 10]) end
    if due > 0 then
      call('ZADD', base .. 'delayed', whole(due * 4096 + order % 4096), id)
      call('PUBLISH', base .. 'delayed', whole(due))
    else
      call('LPUSH', line(class, mailer), id)
      if mailer ~= '' then call('SADD', base .. 'relay:mailers', mailer) end
      if not woken then announce(id) end
      woken = true
    end
    table.insert(answers, 0)
  end
end
return answers
`;

const COMMON = `
${LINES}
-- Redis refuses a script's first write at maxmemory, unless it is one that frees memory.
call('DEL', base .. 'relay:none')
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function lineOf(id)
  local fields = call('HMGET', base .. id, 'relay:class', 'relay:mailer')
  return line(fields[1] or 'normal', fields[2])
end

-- Behind those that wait.
local function append(id) call('LPUSH', lineOf(id), id) end

-- In front, where it was before it was leased: behind those that were leased before it.
local function prepend(id)
  local list = lineOf(id)
  local order = tonumber(call('HGET', base .. id, 'relay:order')) or 0
  local ahead = {}
  while #ahead < 1000 do
    local next = call('LINDEX', list, -1)
    local other = next and tonumber(call('HGET', base .. next, 'relay:order'))
    if not other or other > order then break end
    table.insert(ahead, call('RPOP', list))
  end
  call('RPUSH', list, id)
  for i = #ahead, 1, -1 do call('RPUSH', list, ahead[i]) end
end

local function bury(id, reason, failure)
  local job = base .. id
  call('HSET', job, 'relay:reason', reason, 'relay:failure', failure,
    'failedReason', cjson.decode(failure).message, 'finishedOn', whole(now))
  call('ZADD', base .. 'failed', whole(now), id)
end

-- Ours, or nobody's any more: its lock ran out.
local function mine(id)
  local lock = call('GET', base .. id .. ':lock')
  return not lock or lock == owner
end
`;

/**
 * ARGV: lock in milliseconds, jobs at most, characters at most, the mailer.
 * Returns jobs as [id, data, attempts, bornAt, open, unknowns], whether there are more, milliseconds to the
 * next.
 */
const LEASE = `
local due = call('ZRANGEBYSCORE', base .. 'delayed', '-inf', whole(now * 4096 + 4095), 'LIMIT', 0, 1000)
local again = {}
for _, id in ipairs(due) do
  call('ZREM', base .. 'delayed', id)
  call('HSET', base .. id, 'delay', 0)
  local order = tonumber(call('HGET', base .. id, 'relay:order'))
  if order then table.insert(again, { id, order }) else append(id) end
end
table.sort(again, function(a, b) return a[2] > b[2] end)
for _, entry in ipairs(again) do prepend(entry[1]) end

local jobs, size = {}, 0
local paused = call('EXISTS', base .. 'meta-paused') == 1
local more = 0
local mailer = ARGV[6]

-- The line whose next job this mailer may take: one of 0.1.0, which is anybody's, before its own.
local function nextLine(class)
  local own = line(class, mailer)
  if mailer ~= '' then
    local others = line(class)
    local id = call('LINDEX', others, -1)
    if id and call('HEXISTS', base .. id, 'relay:mailer') == 0 then return others end
  end
  return own
end

for _, class in ipairs({ 'high', 'normal', 'low' }) do
  while not paused and #jobs < tonumber(ARGV[4]) do
    local from = nextLine(class)
    local id = call('LINDEX', from, -1)
    if not id then break end
    local job = base .. id
    size = size + call('HSTRLEN', job, 'data')
    if #jobs > 0 and size > tonumber(ARGV[5]) then break end
    call('RPOPLPUSH', from, base .. 'active')
    call('SET', job .. ':lock', owner, 'PX', ARGV[3])
    call('HSETNX', job, 'relay:order', call('INCR', base .. 'relay:order'))
    call('HSET', job, 'processedOn', whole(now))
    local fields = call('HMGET', job, 'data', 'relay:attempts', 'relay:bornAt', 'relay:open',
      'relay:unknowns')
    for i = 1, 5 do fields[i] = fields[i] or '' end
    table.insert(jobs, { id, fields[1], fields[2], fields[3], fields[4], fields[5] })
  end
  if not paused and call('EXISTS', nextLine(class)) == 1 then more = 1 end
end
local next = call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')[2]
local wait = -1
if next then wait = math.max(0, math.ceil(tonumber(next) / 4096 - now)) end
return { jobs, more, wait }
`;

/** ARGV: for each job a JSON object. Whoever took a lease over decides, but what is sent is sent. */
const SETTLE = `
for i = 3, #ARGV do
  local s = cjson.decode(ARGV[i])
  local id, job = s.job, base .. s.job
  local ours
  if s.outcome == 'sent' then ours = call('HEXISTS', job, 'data') == 1 else ours = mine(id) end
  if ours then
    local held = call('LREM', base .. 'active', -1, id)
    if held == 0 and s.outcome == 'sent' then
      call('ZREM', base .. 'delayed', id)
      call('ZREM', base .. 'failed', id)
    end
    if held == 0 then
      held = call('LREM', lineOf(id), -1, id)
    end
    call('DEL', job .. ':lock')
    if s.outcome == 'sent' then
      -- What is left answers a send that is repeated with the same key or id.
      local known = call('HMGET', job, 'name', 'relay:messageId', 'relay:digest')
      call('DEL', job, job .. ':logs')
      call('HSET', job, 'name', known[1] or '', 'relay:messageId', known[2] or '')
      if known[3] then call('HSET', job, 'relay:digest', known[3]) end
      call('PEXPIRE', job, s.rememberMs)
    elseif held > 0 then
      call('HSET', job, 'relay:attempts', s.attempts, 'relay:unknowns', s.unknowns)
      if s.open then call('HSET', job, 'relay:open', s.open) end
      if s.outcome == 'dead' then bury(id, s.reason, s.failure)
      else
        local at = now + s.delayMs
        local order = tonumber(call('HGET', job, 'relay:order')) or 0
        call('HSET', job, 'relay:failure', s.failure, 'failedReason', cjson.decode(s.failure).message)
        call('ZADD', base .. 'delayed', whole(at * 4096 + order % 4096), id)
        call('PUBLISH', base .. 'delayed', whole(at))
      end
    end
  end
end
`;

/**
 * ARGV: lock in milliseconds, ids. A lock that ran out is taken again while the job is still active.
 * Returns the ids that are ours.
 */
const RENEW = `
local ours = {}
for i = 4, #ARGV do
  local id, lock = ARGV[i], base .. ARGV[i] .. ':lock'
  local holder = call('GET', lock)
  if holder == owner then
    call('PEXPIRE', lock, ARGV[3])
    table.insert(ours, id)
  elseif not holder and call('LREM', base .. 'active', -1, id) == 1 then
    call('LPUSH', base .. 'active', id)
    call('SET', lock, owner, 'PX', ARGV[3])
    table.insert(ours, id)
  end
end
return ours
`;

/** ARGV: ids, those leased last first. */
const RELEASE = `
for i = 3, #ARGV do
  local id = ARGV[i]
  if mine(id) and call('LREM', base .. 'active', -1, id) == 1 then
    call('DEL', base .. id .. ':lock')
    if call('EXISTS', base .. id) == 1 then
      prepend(id)
      announce(id)
    end
  end
end
`;

/** ARGV: how often a worker may die over a job, the failure of those beyond. Gives back what nobody holds. */
const RECOVER = `
local active = call('LRANGE', base .. 'active', 0, -1)
for _, id in ipairs(active) do
  local job = base .. id
  if call('EXISTS', job .. ':lock') == 0 then
    call('LREM', base .. 'active', -1, id)
    if call('EXISTS', job) == 1 then
      if call('HINCRBY', job, 'stalledCounter', 1) > tonumber(ARGV[3]) then bury(id, 'held', ARGV[4])
      else
        prepend(id)
        announce(id)
      end
    end
  end
end
`;

/** ARGV: ids of dead jobs. Answers how many were. */
const RETRY = `
local count = 0
for i = 3, #ARGV do
  local id, job = ARGV[i], base .. ARGV[i]
  if call('ZREM', base .. 'failed', id) == 1 and call('EXISTS', job) == 1 then
    call('HDEL', job, 'finishedOn', 'processedOn', 'failedReason', 'stalledCounter',
      'relay:reason', 'relay:failure', 'relay:attempts', 'relay:unknowns', 'relay:order')
    call('HSET', job, 'relay:bornAt', whole(now))
    append(id)
    announce(id)
    count = count + 1
  end
end
return count
`;

/** ARGV: ids of dead jobs. Answers how many were. */
const DISCARD = `
local count = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  if call('ZREM', base .. 'failed', id) == 1 then
    call('DEL', base .. id, base .. id .. ':logs')
    count = count + 1
  end
end
return count
`;

export const SCRIPTS = {
  relayStore: LINES + STORE,
  relayLease: COMMON + LEASE,
  relaySettle: COMMON + SETTLE,
  relayRenew: COMMON + RENEW,
  relayRelease: COMMON + RELEASE,
  relayRecover: COMMON + RECOVER,
  relayRetry: COMMON + RETRY,
  relayDiscard: COMMON + DISCARD,
} as const;

export type ScriptName = keyof typeof SCRIPTS;
