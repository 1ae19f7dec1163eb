using System.Text.Json;
using Edifice.Bench.Measure;

namespace Edifice.Bench.Output;

/// <summary>Rows as JSON, for comparing runs.</summary>
internal static class ResultFile
{
    public static void Write(string path, string machine, string libtorch, Session session, IReadOnlyList<Row> rows)
    {
        using var stream = File.Create(path);
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("machine", machine);
        json.WriteString("libtorch", libtorch);
        json.WriteNumber("threads", session.Threads);
        json.WriteNumber("float_peak_gflops", Math.Round(session.Limits.SinglePeak / 1e9, 1));
        json.WriteNumber("double_peak_gflops", Math.Round(session.Limits.DoublePeak / 1e9, 1));
        json.WriteNumber("copy_gigabytes_per_second", Math.Round(session.Limits.CopyBandwidth / 1e9, 2));
        json.WriteNumber("read_again_gigabytes_per_second", Math.Round(session.Limits.ReadBandwidth / 1e9, 2));
        json.WriteStartArray("rows");
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("name", row.Name);
            json.WriteString("unit", row.Unit);
            var unit = row.Unit.ToLowerInvariant();
            Number(json, $"ours_{unit}", row.Ours);
            Number(json, $"libtorch_{unit}", row.Theirs);
            Number(json, "ratio", row.Ratio);
            Number(json, "limit_share", row.LimitShare);
            json.WriteString("limit", row.Limit);
            Number(json, "max_diff", row.MaxDiff);
            json.WriteBoolean("agrees", row.Agrees);
            json.WriteString("libtorch_form", row.Libtorch);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>What a file says of the machine, and its rows with what a picture needs of them.</summary>
    public static (string Machine, IReadOnlyList<Row> Rows) Read(string path)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        var root = json.RootElement;
        return ($"{root.GetProperty("machine").GetString()}, {root.GetProperty("threads").GetInt32()} thread(s)", [.. root.GetProperty("rows").EnumerateArray().Select(Row)]);

        static Row Row(JsonElement row)
        {
            var unit = row.GetProperty("unit").GetString()!;
            double Figure(string name) => row.GetProperty($"{name}_{unit.ToLowerInvariant()}") is { ValueKind: JsonValueKind.Number } n ? n.GetDouble() : double.NaN;
            return new Row(row.GetProperty("name").GetString()!, Figure("ours"), Figure("libtorch"), double.NaN, double.NaN) { Unit = unit };
        }
    }

    private static void Number(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, double.Parse(value.ToString("G5", null), null));
        else json.WriteNull(name);
    }
}
