using System.CommandLine;
using Edifice.Attention;
using Edifice.Cli.Output;

namespace Edifice.Cli.Commands;

/// <summary><c>edifice blocks</c>: the registry with options and defaults.</summary>
internal static class BlocksCommand
{
    public static Command Build()
    {
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var states = new Option<bool>("--states") { Description = "measure the streaming state of every block instead" };
        var command = new Command("blocks", "the blocks with their options and defaults") { json, states };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(states)) StreamingStates.Write();
            else if (parsed.GetValue(json)) WriteJson();
            else WriteTables();
            return CommandTree.Done;
        });
        return command;
    }

    private static void WriteTables()
    {
        Terminal.Table(["block", "what it is", "causal", "streaming"],
            Blocks.All.Select(b => new[] { b.Name, b.Description, b.Causality.ToString().ToLowerInvariant(), b.Streaming }));
        foreach (var block in Blocks.All)
        {
            Console.WriteLine();
            Console.WriteLine(block.Name);
            Terminal.Table(["option", "values", "default", "meaning"],
                block.Options.Rows.Select(o => new[] { o.Name, o.Values, o.Default ?? "(required)", o.Description }));
        }
    }

    private static void WriteJson() => JsonOut.Write(json =>
    {
        json.WriteStartArray();
        foreach (var block in Blocks.All)
        {
            json.WriteStartObject();
            json.WriteString("name", block.Name);
            json.WriteString("description", block.Description);
            json.WriteString("causality", block.Causality.ToString().ToLowerInvariant());
            json.WriteString("streaming", block.Streaming);
            json.WriteStartArray("options");
            foreach (var option in block.Options.Rows)
            {
                json.WriteStartObject();
                json.WriteString("name", option.Name);
                json.WriteString("values", option.Values);
                if (option.Default is { } value)
                {
                    json.WritePropertyName("default");
                    json.WriteRawValue(value);
                }

                json.WriteString("meaning", option.Description);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
