/**
 * What is done to the mail of a queue, each in one step of Redis.
 *
 * Mail lies beside Bull's own keys of the queue, below `mails:`, where no worker of Bull or BullMQ looks:
 * whoever else uses the queue's name takes none of it, and nothing of theirs is met here. Bull's own
 * scripts would not do, either: its `add` does not tell a job that it stored from one whose id it knew,
 * a priority makes it walk over the backlog, its loop takes a job before it locks it, and its locks end
 * by Redis's clock, which may be set.
 *
 * KEYS, below what ARGV[1] names:
 *   job:ID            hash: what was accepted, and what became of it
 *   line:CLASS:MAILER list of jobs never leased; the next one is at its right end
 *   again:CLASS:MAILER sorted set of those that were, by the order of their first lease: they go first
 *   delayed           sorted set of those not due yet: milliseconds × 4096 + order
 *   active:OWNER      sorted set of what a process has leased
 *   owners            hash of the processes that lease: a number that grows as long as one lives
 *   dead              sorted set by the time of death
 *   mailers           set of the names of mailers, without the unnamed one, which is ''
 *   id, order         counters of what was stored, and leased
 *
 * Every script gets KEYS[1] `id`, so that a cluster knows the node; ARGV[1] what all keys begin with,
 * ARGV[2] the owner, ARGV[3] the mailer that leases.
 */

/** Where jobs wait. */
const PLACES = `
local base, owner, mailer = ARGV[1], ARGV[2], ARGV[3]
-- Redis's pcall is for a command, guard (Lua's) for a function.
local call, pcall, guard = redis.call, redis.pcall, pcall
local function jobOf(id) return base .. 'job:' .. id end
local function line(class, of) return base .. 'line:' .. class .. ':' .. of end
local function again(class, of) return base .. 'again:' .. class .. ':' .. of end
local function whole(number) return string.format('%.0f', number) end
local function wordsOf(problem) return type(problem) == 'table' and problem.err or tostring(problem) end
-- A user without rights to the channel stores all the same: workers look by themselves, too.
local function announce(id) pcall('PUBLISH', base .. 'work', id) end
`;

/**
 * ARGV[4]: where a release before this one kept what it sent of the same keys, or ''. Then for each job
 * its id, the mail's id and Message-ID, when it was accepted, when it is due or 0, its class, its mailer,
 * its digest, its data. Returns for each 0, the ids and digest of the job that had its
 * id, or Redis's words.
 *
 * INCR is the first write: at maxmemory Redis refuses it, and with it all. What fails after it is undone,
 * for a job that is there and in no line would answer for its key and never be sent.
 */
const STORE = `
local legacy = ARGV[4]
local woken = false
local function store(i)
  local id, job = ARGV[i], jobOf(ARGV[i])
  local order = call('INCR', base .. 'id')
  local known = call('HMGET', job, 'name', 'relay:messageId', 'relay:digest')
  if not known[1] and legacy ~= '' then
    known = call('HMGET', legacy .. id, 'name', 'relay:messageId', 'relay:digest')
  end
  if known[1] and known[1] ~= '' then return { known[1], known[2] or '', known[3] or '' } end
  local due, class, of = tonumber(ARGV[i + 4]), ARGV[i + 5], ARGV[i + 6]
  call('HSET', job, 'name', ARGV[i + 1], 'data', ARGV[i + 8], 'timestamp', ARGV[i + 3],
    'relay:messageId', ARGV[i + 2], 'relay:class', class, 'relay:mailer', of, 'relay:digest', ARGV[i + 7])
  local placed, problem = guard(function()
    if of ~= '' then call('SADD', base .. 'mailers', of) end
    if due > 0 then call('ZADD', base .. 'delayed', whole(due * 4096 + order % 4096), id)
    else call('LPUSH', line(class, of), id) end
  end)
  if not placed then
    -- Who may not remove it says that it is none.
    if type(pcall('DEL', job)) ~= 'number' then call('HSET', job, 'name', '') end
    error(problem, 0)
  end
  if due == 0 and not woken then
    woken = true
    announce(id)
  end
  return 0
end
local answers = {}
for i = 5, #ARGV, 9 do
  local done, answer = guard(store, i)
  table.insert(answers, done and answer or wordsOf(answer))
end
return answers
`;

const COMMON = `
${PLACES}
-- Redis refuses a script's first write at maxmemory, unless it is one that frees memory.
call('DEL', base .. 'none')
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Its class, its mailer and its order; what a damaged job lost is made up.
local function placeOf(id)
  local place = call('HMGET', jobOf(id), 'relay:class', 'relay:mailer', 'relay:order')
  return place[1] or 'normal', place[2] or mailer, place[3]
end

-- To where it was before it was leased, or behind those that wait.
local function back(id)
  local class, of, order = placeOf(id)
  if order then call('ZADD', again(class, of), order, id) else call('LPUSH', line(class, of), id) end
end

-- Of what was leased, and of what nobody holds any more.
local function leave(id)
  if call('ZREM', base .. 'active:' .. owner, id) == 1 then return true end
  local class, of = placeOf(id)
  return call('ZREM', again(class, of), id) == 1
end

local function bury(id, reason, failure)
  call('HDEL', jobOf(id), 'relay:owner')
  call('HSET', jobOf(id), 'relay:reason', reason, 'relay:failure', failure)
  call('ZADD', base .. 'dead', whole(now), id)
end
`;

/**
 * ARGV[4], ARGV[5]: jobs at most, characters at most. ARGV[6]: the queue's own key that says it is paused.
 * Returns jobs as [id, data, attempts, bornAt, open, unknowns], whether there are more, milliseconds to
 * the next.
 */
const LEASE = `
local due = call('ZRANGEBYSCORE', base .. 'delayed', '-inf', whole(now * 4096 + 4095), 'LIMIT', 0, 500)
for _, id in ipairs(due) do
  call('ZREM', base .. 'delayed', id)
  back(id)
end

local jobs, size = {}, 0
local paused = call('EXISTS', ARGV[6]) == 1
local more = #due == 500 and 1 or 0
local full = paused
for _, class in ipairs({ 'high', 'normal', 'low' }) do
  local first, rest = again(class, mailer), line(class, mailer)
  while not full and #jobs < tonumber(ARGV[4]) do
    local id = call('ZPOPMIN', first)[1] or call('RPOP', rest)
    if not id then break end
    local job = jobOf(id)
    local fields = call('HMGET', job, 'relay:order', 'data', 'relay:attempts', 'relay:bornAt', 'relay:open', 'relay:unknowns')
    size = size + #(fields[2] or '')
    if size > tonumber(ARGV[5]) and #jobs > 0 then
      full = true
      if fields[1] then call('ZADD', first, fields[1], id) else call('RPUSH', rest, id) end
    else
      local order = fields[1] or call('INCR', base .. 'order')
      call('ZADD', base .. 'active:' .. owner, order, id)
      call('HSET', job, 'relay:order', order, 'relay:owner', owner)
      fields[1] = id
      for i = 2, 6 do fields[i] = fields[i] or '' end
      table.insert(jobs, fields)
    end
  end
  if not paused and call('EXISTS', first, rest) > 0 then more = 1 end
end
if #jobs > 0 then call('HINCRBY', base .. 'owners', owner, 1) end
local next = call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')[2]
local wait = -1
if next then wait = math.max(0, math.ceil(tonumber(next) / 4096 - now)) end
return { jobs, more, wait }
`;

/**
 * ARGV: for each job a JSON object. Whoever took a lease over decides, but what is sent is sent.
 * Returns for each that failed its position and Redis's words: one must not keep the others.
 */
const SETTLE = `
local function settle(s)
  local id, job = s.job, jobOf(s.job)
  local left = leave(id)
  if s.outcome == 'sent' and call('HEXISTS', job, 'data') == 1 then
    if not left then
      local other = call('HGET', job, 'relay:owner')
      local elsewhere = (other and call('ZREM', base .. 'active:' .. other, id) or 0)
        + call('ZREM', base .. 'delayed', id) + call('ZREM', base .. 'dead', id)
      local class, of = placeOf(id)
      if elsewhere == 0 then call('LREM', line(class, of), 1, id) end
    end
    -- What is left answers a send that is repeated with the same key or id.
    local known = call('HMGET', job, 'name', 'relay:messageId', 'relay:digest')
    call('DEL', job)
    call('HSET', job, 'name', known[1] or '', 'relay:messageId', known[2] or '', 'relay:digest', known[3] or '')
    call('PEXPIRE', job, s.rememberMs)
  elseif left and s.outcome ~= 'sent' then
    call('HSET', job, 'relay:attempts', s.attempts, 'relay:unknowns', s.unknowns)
    if s.open then call('HSET', job, 'relay:open', s.open) end
    if s.outcome == 'dead' then bury(id, s.reason, s.failure)
    else
      local order = tonumber(call('HGET', job, 'relay:order')) or 0
      call('HDEL', job, 'relay:owner')
      call('HSET', job, 'relay:failure', s.failure, 'relay:delay', s.delayMs)
      call('ZADD', base .. 'delayed', whole((now + s.delayMs) * 4096 + order % 4096), id)
    end
  end
end
local failed = {}
for i = 4, #ARGV do
  local done, problem = guard(settle, cjson.decode(ARGV[i]))
  if not done then table.insert(failed, { i - 4, wordsOf(problem) }) end
end
return failed
`;

/** ARGV: ids. Returns those that are held here; what ran out and went to nobody is held again. */
const RENEW = `
call('HINCRBY', base .. 'owners', owner, 1)
local ours = {}
local held = base .. 'active:' .. owner
for i = 4, #ARGV do
  local id = ARGV[i]
  if call('ZSCORE', held, id) then table.insert(ours, id)
  else
    local class, of, order = placeOf(id)
    -- One that was given back meanwhile is nobody's: a heartbeat may come after that.
    if order and call('HGET', jobOf(id), 'relay:owner') == owner
      and call('ZREM', again(class, of), id) == 1 then
      call('ZADD', held, order, id)
      table.insert(ours, id)
    end
  end
end
return ours
`;

/** ARGV: ids. */
const RELEASE = `
local woken = false
for i = 4, #ARGV do
  local id = ARGV[i]
  if call('ZREM', base .. 'active:' .. owner, id) == 1 and call('EXISTS', jobOf(id)) == 1 then
    call('HDEL', jobOf(id), 'relay:owner')
    back(id)
    if not woken then announce(id) end
    woken = true
  end
end
`;

/**
 * ARGV: how often a worker may die over a job, the failure of those beyond; then owners that were
 * silent for a lease's length, each with the last number that it was seen with. Gives back what they
 * held, so many at a time; returns whether there is more.
 */
const RECOVER = `
local more = 0
for i = 6, #ARGV, 2 do
  local gone = ARGV[i]
  if call('HGET', base .. 'owners', gone) == ARGV[i + 1] then
    local held = base .. 'active:' .. gone
    local ids = call('ZRANGE', held, 0, 499)
    for _, id in ipairs(ids) do
      call('ZREM', held, id)
      local job = jobOf(id)
      if call('EXISTS', job) == 1 then
        if call('HINCRBY', job, 'stalledCounter', 1) > tonumber(ARGV[4]) then bury(id, 'held', ARGV[5])
        -- It may wake, and keeps what nobody took meanwhile.
        else back(id) end
      end
    end
    if call('EXISTS', held) == 1 then more = 1 else call('HDEL', base .. 'owners', gone) end
    if #ids > 0 then announce(ids[1]) end
  end
end
return more
`;

/** ARGV: ids of dead jobs. Returns how many were. */
const RETRY = `
local count = 0
for i = 4, #ARGV do
  local id, job = ARGV[i], jobOf(ARGV[i])
  if call('ZREM', base .. 'dead', id) == 1 and call('EXISTS', job) == 1 then
    call('HDEL', job, 'stalledCounter', 'relay:reason', 'relay:failure', 'relay:attempts',
      'relay:unknowns', 'relay:order')
    call('HSET', job, 'relay:bornAt', whole(now))
    back(id)
    announce(id)
    count = count + 1
  end
end
return count
`;

/** ARGV: ids of dead jobs. Returns how many were. */
const DISCARD = `
local count = 0
for i = 4, #ARGV do
  local id = ARGV[i]
  if call('ZREM', base .. 'dead', id) == 1 then
    call('DEL', jobOf(id))
    count = count + 1
  end
end
return count
`;

/**
 * ARGV[4]: what the keys of a queue of release 0.1.0 begin with, in which mail lay among Bull's own; the
 * queue of its default name may be an app's own. ARGV[5]: how many to pass over, which are not ours.
 * Takes over so many that are and that no worker of that release holds.
 * Returns how many, whether there may be more, how many to pass over next.
 */
const ADOPT = `
local from, skip = ARGV[4], tonumber(ARGV[5])
local LIMIT = 200
local function old(key) return from .. key end
local function taken(id)
  -- Of the same key: the mail that is here stands for both.
  if call('EXISTS', jobOf(id)) == 1 then
    call('DEL', old(id))
    return false
  end
  call('RENAME', old(id), jobOf(id))
  call('HSET', jobOf(id), 'relay:mailer', mailer)
  if mailer ~= '' then call('SADD', base .. 'mailers', mailer) end
  call('HDEL', jobOf(id), 'opts', 'delay', 'priority', 'processedOn', 'finishedOn', 'failedReason')
  return true
end

local order = tonumber(call('GET', old('relay:order'))) or 0
if order > (tonumber(call('GET', base .. 'order')) or 0) then call('SET', base .. 'order', whole(order)) end

local moved, passed, more = 0, 0, 0
local function each(key, ids, remove, put)
  local strange = 0
  for _, id in ipairs(ids) do
    if call('HEXISTS', old(id), 'relay:class') == 0 then strange = strange + 1
    elseif put then
      call(remove, old(key), unpack(remove == 'ZREM' and { id } or { -1, id }))
      if taken(id) then put(id) end
      moved = moved + 1
    end
  end
  passed = math.max(passed, strange)
  if #ids == LIMIT then more = 1 end
end
local function listed(key)
  local ids = call('LRANGE', old(key), -LIMIT - skip, -1 - skip)
  local turned = {}
  for i = #ids, 1, -1 do table.insert(turned, ids[i]) end
  return turned
end

for _, key in ipairs({ 'relay:high', 'wait', 'paused', 'relay:low' }) do each(key, listed(key), 'LREM', back) end
local active = {}
for _, id in ipairs(listed('active')) do
  if call('EXISTS', old(id) .. ':lock') == 0 then table.insert(active, id) end
end
each('active', active, 'LREM', back)
for key, target in pairs({ delayed = 'delayed', failed = 'dead' }) do
  local ids, scores = {}, {}
  local rows = call('ZRANGE', old(key), skip, skip + LIMIT - 1, 'WITHSCORES')
  for i = 1, #rows, 2 do
    table.insert(ids, rows[i])
    scores[rows[i]] = rows[i + 1]
  end
  each(key, ids, 'ZREM', function(id) call('ZADD', base .. target, scores[id], id) end)
end
return { moved, more, more == 1 and skip + passed or 0 }
`;

/**
 * Looks at who else uses the queue. ARGV[4]: what Bull's own keys of it begin with.
 * Returns whether BullMQ does, an id that is none of ours, or '', and whether release 0.1.0 worked here.
 */
const NEIGHBOURS = `
local outer = ARGV[4]
local function typeOf(key) return call('TYPE', outer .. key).ok end
local bullmq = typeOf('meta') == 'hash' and 1 or 0
local function strange(ids)
  for _, id in ipairs(ids) do
    if typeOf(id) == 'hash' and call('HEXISTS', outer .. id, 'relay:class') == 0 then return id end
  end
end
local found
for _, key in ipairs({ 'wait', 'paused', 'active', 'delayed', 'completed', 'failed', 'prioritized' }) do
  local kind = typeOf(key)
  if kind == 'list' then found = found or strange(call('LRANGE', outer .. key, -50, -1)) end
  if kind == 'zset' then found = found or strange(call('ZRANGE', outer .. key, 0, 49)) end
end
return { bullmq, found or '', call('EXISTS', outer .. 'relay:order') }
`;

/**
 * Tries on keys of its own whatever the other scripts do. ARGV[4]: whether all of it is wanted, or only
 * what storing needs. Returns Redis's words where the user may not, or ''; the same for the channel, which
 * is not needed.
 */
const RIGHTS = `
local hash, list, zset, text, set = base .. 'check:h', base .. 'check:l', base .. 'check:z',
  base .. 'check:t', base .. 'check:s'
local storing = {
  { 'INCR', text }, { 'HSET', hash, 'a', '1' }, { 'HMGET', hash, 'a' }, { 'LPUSH', list, 'a' },
  { 'ZADD', zset, '1', 'a' }, { 'SADD', set, 'a' },
}
local working = {
  { 'GET', text }, { 'SET', text, '1' }, { 'EXISTS', text }, { 'HGET', hash, 'a' }, { 'HEXISTS', hash, 'a' },
  { 'HINCRBY', hash, 'a', '1' }, { 'HGETALL', hash }, { 'HDEL', hash, 'a' }, { 'LRANGE', list, '0', '-1' },
  { 'LREM', list, '1', 'b' }, { 'LLEN', list }, { 'RPOP', list }, { 'ZRANGE', zset, '0', '-1' },
  { 'ZRANGEBYSCORE', zset, '0', '0' }, { 'ZSCORE', zset, 'a' }, { 'ZRANK', zset, 'a' }, { 'ZCARD', zset },
  { 'ZREM', zset, 'b' }, { 'ZPOPMIN', zset }, { 'PEXPIRE', text, '1000' }, { 'RENAME', text, list },
  { 'SMEMBERS', set }, { 'TIME' }, { 'TYPE', text },
}
local refused = ''
local function refusal(command)
  local answer = pcall(unpack(command))
  local words = type(answer) == 'table' and answer.err or ''
  local refused = string.find(words, 'NOPERM') or string.find(words, "executing the script can't")
  return refused and command[1] .. ': ' .. words or ''
end
local function attempt(commands)
  for _, command in ipairs(commands) do
    local words = refusal(command)
    if refused == '' then refused = words end
  end
end
attempt(storing)
if ARGV[4] == '1' then attempt(working) end
attempt({ { 'DEL', hash, list, zset, text, set } })
return { refused, refusal({ 'PUBLISH', base .. 'work', '' }) }
`;

/** `add` a job and its score: ARGV from `first` on are names of fields. */
const ROWS = `
local rows = {}
local function add(id, score, first)
  local fields = {}
  for i = first, #ARGV do table.insert(fields, ARGV[i]) end
  local row = call('HMGET', jobOf(id), unpack(fields))
  for i = 1, #fields do row[i] = row[i] or '' end
  table.insert(row, 1, score)
  table.insert(row, 1, id)
  table.insert(rows, row)
end
local key = base .. ARGV[4]
local isList = call('TYPE', key).ok == 'list'
`;

/**
 * ARGV: key, first and last position, in a list from the end where the next one is; names of fields.
 * Returns for each job its id, its score or '', its fields.
 */
const PAGE = `
local from, to = tonumber(ARGV[5]), tonumber(ARGV[6])
if isList then
  local ids = call('LRANGE', key, -1 - to, -1 - from)
  for i = #ids, 1, -1 do add(ids[i], '', 7) end
else
  local ids = call('ZRANGE', key, from, to, 'WITHSCORES')
  for i = 1, #ids, 2 do add(ids[i], ids[i + 1], 7) end
end
return rows
`;

/** ARGV: key, id, names of fields. Returns the same of this job, where it is there. */
const FIND = `
local id = ARGV[5]
if isList then
  if call('LPOS', key, id) then add(id, '', 6) end
else
  local score = call('ZSCORE', key, id)
  if score then add(id, score, 6) end
end
return rows
`;

/** Returns how many wait, are delayed, leased and dead. */
const COUNT = `
local queued, leased = 0, 0
local mailers = call('SMEMBERS', base .. 'mailers')
table.insert(mailers, '')
for _, of in ipairs(mailers) do
  for _, class in ipairs({ 'high', 'normal', 'low' }) do
    queued = queued + call('LLEN', line(class, of)) + call('ZCARD', again(class, of))
  end
end
for _, one in ipairs(call('HKEYS', base .. 'owners')) do
  leased = leased + call('ZCARD', base .. 'active:' .. one)
end
return { queued, call('ZCARD', base .. 'delayed'), leased, call('ZCARD', base .. 'dead') }
`;

/** ARGV: first and last position among the delayed. Returns how many of them failed before. */
const DEFERRED = `
local ids = call('ZRANGE', base .. 'delayed', ARGV[4], ARGV[5])
local failed = 0
for _, id in ipairs(ids) do failed = failed + call('HEXISTS', jobOf(id), 'relay:failure') end
return failed
`;

export const SCRIPTS = {
  relayStore: PLACES + STORE,
  relayLease: COMMON + LEASE,
  relaySettle: COMMON + SETTLE,
  relayRenew: COMMON + RENEW,
  relayRelease: COMMON + RELEASE,
  relayRecover: COMMON + RECOVER,
  relayRetry: COMMON + RETRY,
  relayDiscard: COMMON + DISCARD,
  relayAdopt: COMMON + ADOPT,
  relayNeighbours: PLACES + NEIGHBOURS,
  relayRights: PLACES + RIGHTS,
  relayPage: PLACES + ROWS + PAGE,
  relayFind: PLACES + ROWS + FIND,
  relayCount: PLACES + COUNT,
  relayDeferred: PLACES + DEFERRED,
} as const;

export type ScriptName = keyof typeof SCRIPTS;
