using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace Edifice.Samples.Bpe;

/// <summary>Learns a vocabulary by byte-pair encoding (Sennrich et al. 2016): the pair of neighbours that is most frequent
/// within words becomes a token of its own, again and again.</summary>
internal static partial class Vocabulary
{
    /// <summary>A tokenizer of bytes and the pairs learned from a text; it takes any text.</summary>
    /// <param name="text">What to learn from.</param>
    /// <param name="size">How many tokens there are to be, at least 256.</param>
    public static (BpeTokenizer Tokenizer, int Size) Learn(string text, int size)
    {
        var words = Words().Matches(text).GroupBy(m => m.Value).Select(g => (Parts: Encoding.UTF8.GetBytes(g.Key).Select(Name).ToList(), Count: g.Count())).ToList();
        var tokens = Enumerable.Range(0, 256).Select(b => Name((byte)b)).ToList();
        var merges = new List<(string, string)>();
        while (tokens.Count < size)
        {
            var pairs = new Dictionary<(string, string), int>();
            foreach (var (parts, count) in words)
                for (var i = 0; i + 1 < parts.Count; i++)
                    pairs[(parts[i], parts[i + 1])] = pairs.GetValueOrDefault((parts[i], parts[i + 1])) + count;
            if (pairs.Count == 0) break;
            var (left, right) = pairs.OrderByDescending(p => p.Value).ThenBy(p => p.Key.Item1 + "\0" + p.Key.Item2, StringComparer.Ordinal).First().Key;
            merges.Add((left, right));
            if (!tokens.Contains(left + right)) tokens.Add(left + right);
            foreach (var (parts, _) in words)
                for (var i = 0; i + 1 < parts.Count; i++)
                {
                    if (parts[i] != left || parts[i + 1] != right) continue;
                    parts[i] += right;
                    parts.RemoveAt(i + 1);
                }
        }

        var options = new BpeOptions(tokens.Select((t, i) => KeyValuePair.Create(t, i)))
        {
            Merges = merges.Select(m => $"{m.Item1} {m.Item2}"),
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(Words(), null),
        };
        return (BpeTokenizer.Create(options), tokens.Count);
    }

    /// <summary>The character by which a byte is written in a vocabulary: itself where it is visible in Latin 1, otherwise one of
    /// those from 256 on, in order (Radford et al. 2019, the vocabulary of GPT-2).</summary>
    private static string Name(byte b) => ((char)(IsVisible(b) ? b : 256 + Enumerable.Range(0, b).Count(c => !IsVisible(c)))).ToString();

    private static bool IsVisible(int b) => b is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);

    /// <summary>A word with the space before it, or other space: no token reaches over their borders.</summary>
    [GeneratedRegex(@"\s?\S+|\s+")]
    private static partial Regex Words();
}
