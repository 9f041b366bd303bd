%% A plugin for tests: stamps each message that a client publishes with the property `timestamp` and with headers, as RabbitMQ 3.12 and
%% later do with `message_interceptors.incoming.set_header_timestamp` and `set_header_routing_node`. Debian's RabbitMQ is older.
-module(stamping).
-behaviour(application).
-behaviour(rabbit_channel_interceptor).
-rabbit_boot_step({?MODULE, [
  {mfa, {rabbit_registry, register, [channel_interceptor, <<"stamping">>, ?MODULE]}},
  {requires, rabbit_registry},
  {enables, recovery}
]}).
-export([start/2, stop/1, description/0, init/1, intercept/3, applies_to/0]).
-include_lib("rabbit_common/include/rabbit.hrl").
-include_lib("rabbit_common/include/rabbit_framing.hrl").

start(_, _) -> {ok, spawn_link(fun() -> receive stop -> ok end end)}.
stop(_) -> ok.
description() -> [{description, <<"stamps messages">>}].
applies_to() -> ['basic.publish'].
init(_) -> none.

intercept(#'basic.publish'{} = Method, Content, _) ->
  #content{properties = Properties} = Decoded = rabbit_binary_parser:ensure_content_decoded(Content),
  Now = os:system_time(millisecond),
  Headers = lists:foldl(fun({Name, Type, Value}, All) -> rabbit_misc:set_table_value(All, Name, Type, Value) end,
    case Properties#'P_basic'.headers of undefined -> []; Given -> Given end,
    [{<<"timestamp_in_ms">>, long, Now}, {<<"x-routed-by">>, longstr, atom_to_binary(node())}]),
  Stamped = Properties#'P_basic'{headers = Headers, timestamp = Now div 1000},
  {Method, Decoded#content{properties = Stamped, properties_bin = none}};
intercept(Method, Content, _) -> {Method, Content}.
