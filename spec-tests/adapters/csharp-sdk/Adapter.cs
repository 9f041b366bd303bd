using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Mime;
using System.Text;
using System.Text.Json;
using CloudNative.CloudEvents;
using CloudNative.CloudEvents.Http;
using CloudNative.CloudEvents.SystemTextJson;

/// <summary>
/// The official C# SDK as a testee: <c>ce conformance run -- dotnet adapter.dll</c>.
/// It answers with what the SDK does, through the SDK's public API, and decides nothing.
/// </summary>
public static class Adapter
{
    static readonly CloudEventFormatter Json = new JsonEventFormatter();

    static readonly Dictionary<string, CloudEventAttributeType> Types = new[]
    {
        CloudEventAttributeType.Boolean, CloudEventAttributeType.Integer, CloudEventAttributeType.String, CloudEventAttributeType.Binary,
        CloudEventAttributeType.Uri, CloudEventAttributeType.UriReference, CloudEventAttributeType.Timestamp,
    }.ToDictionary(Name);

    static string Name(CloudEventAttributeType type) => type.ToString() switch { "URI-Reference" => "URI-reference", var name => name };

    /// <summary>What of the request the API cannot be given; null where the SDK has nothing of the kind.</summary>
    sealed class Unsupported : Exception
    {
        public readonly string? Input;
        public Unsupported(string reason, string? input = null) : base(reason) => Input = input;
    }

    public static void Main()
    {
        var utf8 = new UTF8Encoding(false);
        using var input = new StreamReader(Console.OpenStandardInput(), utf8);
        using var output = new StreamWriter(Console.OpenStandardOutput(), utf8) { AutoFlush = true, NewLine = "\n" };
        while (input.ReadLine() is string line)
        {
            var request = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 4096 }).RootElement;
            var command = request.GetProperty("cmd").GetString();
            if (command == "stop") return;
            output.WriteLine(JsonSerializer.Serialize(command == "start" ? Start() : Answer(request)));
        }
    }

    static object Start() => new
    {
        version = 1,
        implementation = new
        {
            name = "CloudNative.CloudEvents (C# SDK)",
            version = Environment.GetEnvironmentVariable("SDK_VERSION") ?? "2.8.0", language = "C#", adapter = "1.0",
        },
        capabilities = new
        {
            specversions = new[] { "1.0" }, spec = new[] { "1.0.2" }, formats = new[] { "json", "json-batch" }, bindings = new[] { "http" },
            ops = new[] { "decode", "encode", "parse", "name" }, payloads = new[] { "json", "text", "binary" },
            uncovered = new[] { "kafka", "amqp", "mqtt5", "avro", "protobuf", "protobuf-batch" },
        },
    };

    static Dictionary<string, object?> Answer(JsonElement request)
    {
        var answer = new Dictionary<string, object?> { ["seq"] = request.GetProperty("seq").GetInt64() };
        try
        {
            answer["result"] = request.GetProperty("op").GetString() switch
            {
                "decode" => Decode(request),
                "encode" => Encode(request),
                "parse" => Parse(request),
                "name" => new { name = CloudEventAttribute.CreateExtension(request.GetProperty("text").GetString()!, CloudEventAttributeType.String).Name },
                _ => throw new Unsupported("no such operation"),
            };
        }
        catch (Unsupported reason)
        {
            answer["unsupported"] = reason.Message;
            if (reason.Input is string of) answer["input"] = of;
        }
        catch (Exception error)
        {
            var inner = error is AggregateException many ? many.InnerException! : error;
            answer["error"] = new { kind = inner.GetType().Name, message = inner.Message };
        }
        return answer;
    }

    static object Parse(JsonElement request)
    {
        var type = Types[request.GetProperty("type").GetString()!];
        var value = type.Parse(request.GetProperty("text").GetString()!);
        return new { value = Shown(type, value), canonical = type.Format(value) };
    }

    static object Decode(JsonElement request)
    {
        if (Text(request, "strictness") == "lenient") throw new Unsupported("the SDK reads strictly only");
        var via = request.GetProperty("via").GetString()!;
        var message = request.GetProperty("message");
        var body = message.TryGetProperty("body", out var octets) && octets.ValueKind != JsonValueKind.Null ? Octets(octets) : new byte[0];
        switch (via)
        {
            case "json":
                return new { mode = "structured", format = "json", events = new[] { Tagged(Json.DecodeStructuredModeMessage(body, null, null)) } };
            case "json-batch":
                return new { mode = "batched", format = "json", events = Json.DecodeBatchModeMessage(body, null, null).Select(Tagged) };
            case "http":
                return DecodeHttp(message, body);
            default:
                throw new Unsupported("no " + via);
        }
    }

    static object DecodeHttp(JsonElement message, byte[] body)
    {
        using var received = new HttpRequestMessage { Content = new ByteArrayContent(body) };
        foreach (var field in message.GetProperty("headers").EnumerateArray())
        {
            // As an HTTP library hands headers over: without the white space around the value.
            var (name, value) = (field[0].GetString()!, field[1].GetString()!.Trim(' ', '\t'));
            if (!received.Headers.TryAddWithoutValidation(name, value) && !received.Content.Headers.TryAddWithoutValidation(name, value))
                throw new Unsupported("the client takes no header " + name, "message");
        }
        var media = received.Content.Headers.ContentType?.MediaType;
        if (received.IsCloudEventBatch())
            return new { mode = "batched", format = "json", events = received.ToCloudEventBatchAsync(Json).Result.Select(Tagged) };
        var read = Tagged(received.ToCloudEventAsync(Json).Result);
        var structured = media != null && media.StartsWith("application/cloudevents", StringComparison.OrdinalIgnoreCase);
        return structured ? (object) new { mode = "structured", format = "json", events = new[] { read } } : new { mode = "binary", events = new[] { read } };
    }

    static Dictionary<string, object?> Tagged(CloudEvent of)
    {
        var attributes = of.GetPopulatedAttributes().Where(entry => entry.Key.Name != "specversion").ToDictionary(
            entry => entry.Key.Name, entry => (object) new { type = Name(entry.Key.Type), value = Shown(entry.Key.Type, entry.Value) });
        var shown = new Dictionary<string, object?> { ["specversion"] = of.SpecVersion.VersionId, ["attributes"] = attributes };
        switch (of.Data)
        {
            case null: break;
            case JsonElement json: shown["data"] = new { json = json.GetRawText() }; break;
            case string text: shown["data"] = new { text }; break;
            case byte[] bytes: shown["data"] = new { binary = Convert.ToBase64String(bytes) }; break;
            default: shown["data"] = new { json = JsonSerializer.Serialize(of.Data) }; break;
        }
        return shown;
    }

    static object Shown(CloudEventAttributeType type, object value) => value is bool || value is int ? value : type.Format(value);

    static object Encode(JsonElement request)
    {
        var (via, mode, format) = (Text(request, "via"), Text(request, "mode") ?? "binary", Text(request, "format") ?? "json");
        if (format != "json") throw new Unsupported("no " + format);
        var events = request.GetProperty("events").EnumerateArray().Select(Build).ToList();
        if (via == "json-batch") return new { message = new { body = Bytes(Json.EncodeBatchModeMessage(events, out _).ToArray()) } };
        if (via == "http" && mode == "batched") return new { message = Http(events.ToHttpContent(Json)) };
        if (events.Count != 1) throw new Unsupported("the API takes one event", "events");
        if (via == "json") return new { message = new { body = Bytes(Json.EncodeStructuredModeMessage(events[0], out _).ToArray()) } };
        if (via != "http") throw new Unsupported("no " + via);
        return new { message = Http(events[0].ToHttpContent(mode == "structured" ? ContentMode.Structured : ContentMode.Binary, Json)) };
    }

    static object Http(HttpContent content)
    {
        var headers = content.Headers.Where(field => field.Key != "Content-Length")
            .SelectMany(field => field.Value.Select(value => new[] { field.Key, value }));
        return new { headers, body = Bytes(content.ReadAsByteArrayAsync().Result) };
    }

    static CloudEvent Build(JsonElement from)
    {
        var version = CloudEventsSpecVersion.FromVersionId(from.GetProperty("specversion").GetString());
        if (version is null) throw new Unsupported("the API knows no such version", "specversion");
        var built = new CloudEvent(version);
        foreach (var entry in from.GetProperty("attributes").EnumerateObject())
        {
            var type = Types[entry.Value.GetProperty("type").GetString()!];
            var given = entry.Value.GetProperty("value");
            var text = given.ValueKind == JsonValueKind.String ? given.GetString()! : given.GetRawText();
            object value;
            try
            {
                value = type.Parse(text);
            }
            catch (Exception error) when (type == CloudEventAttributeType.Timestamp || type == CloudEventAttributeType.Uri || type == CloudEventAttributeType.UriReference)
            {
                throw new Unsupported("the native type holds no such value: " + error.Message, entry.Name);
            }
            var known = version.AllAttributes.FirstOrDefault(attribute => attribute.Name == entry.Name);
            if (known is null) built[CloudEventAttribute.CreateExtension(entry.Name, type)] = value;
            else if (known.Type == type) built[known] = value;
            else throw new Unsupported("the API has another type for " + entry.Name, entry.Name);
        }
        if (from.TryGetProperty("data", out var data))
        {
            var kind = data.EnumerateObject().First();
            var text = kind.Value.ValueKind == JsonValueKind.String ? kind.Value.GetString()! : "";
            switch (kind.Name)
            {
                case "json":
                    try
                    {
                        built.Data = JsonDocument.Parse(text).RootElement;
                    }
                    catch (JsonException)
                    {
                        throw new Unsupported("the API takes a JSON value", "data");
                    }
                    break;
                case "text": built.Data = text; break;
                case "binary": built.Data = Convert.FromBase64String(text); break;
                default: throw new Unsupported("no payload of " + kind.Name, "data");
            }
        }
        return built;
    }

    static string? Text(JsonElement of, string name) => of.TryGetProperty(name, out var value) ? value.GetString() : null;

    static byte[] Octets(JsonElement tagged) => tagged.TryGetProperty("base64", out var base64)
        ? Convert.FromBase64String(base64.GetString()!)
        : Encoding.UTF8.GetBytes(tagged.GetProperty("text").GetString()!);

    static object Bytes(byte[] octets)
    {
        try
        {
            var text = new UTF8Encoding(false, true).GetString(octets);
            if (text.All(c => c == '\t' || c == '\r' || c == '\n' || !char.IsControl(c))) return new { text };
        }
        catch (DecoderFallbackException)
        {
        }
        return new { base64 = Convert.ToBase64String(octets) };
    }
}
