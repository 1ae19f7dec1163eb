using Edifice.Engine.Serialization;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Edifice.Engine.Tests.Serialization;

public sealed class SafetensorsMutationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Property(Arbitrary = [typeof(StoredTensorGenerators), typeof(MutationGenerators)], MaxTest = 2000)]
    public void A_damaged_file_is_refused_or_read_but_never_crashes(StoredTensors contents, Mutation[] mutations)
    {
        StoredTensor.Write(_folder.At("whole"), contents.Items, [new("format", "pt")]);
        var bytes = mutations.Aggregate(File.ReadAllBytes(_folder.At("whole")), (damaged, mutation) => mutation.ApplyTo(damaged));
        File.WriteAllBytes(_folder.At("damaged"), bytes);

        try
        {
            using var file = SafetensorsFile.Open(_folder.At("damaged"));
            // What opens is consistent, so only what is said about single tensors can still be refused.
            Assert.InRange(file.Tensors.Values.Sum(t => t.ByteLength), 0, bytes.Length);
            foreach (var (name, entry) in file.Tensors) ReadOrRefuse(file, name, entry);
        }
        catch (SafetensorsException e)
        {
            Assert.Equal(_folder.At("damaged"), e.Path);
            Assert.NotEmpty(e.Rule);
        }
    }

    private static void ReadOrRefuse(SafetensorsFile file, string name, SafetensorsEntry entry)
    {
        try
        {
            using var tensor = file.Read(name);
            Assert.Equal(entry.Shape, tensor.Shape);
            Assert.Equal(entry.ByteLength, StoredTensor.BytesOf(tensor).Length);
        }
        catch (SafetensorsException e)
        {
            Assert.Equal(name, e.Tensor);
            Assert.True(entry.DType is null or DType.Bool, e.Message);
        }
    }
}

/// <summary>What damage does to a file at a place given as a fraction of its header or of the whole.</summary>
public enum Damage { Flip, Overwrite, Insert, Remove, Repeat, Truncate }

/// <summary>One damage to a file. Most hit the header, where a reader can be led astray.</summary>
public sealed record Mutation(Damage Damage, int Place, bool InHeader, byte Value, int Length)
{
    /// <summary>Characters that change the meaning of JSON more than random bytes do.</summary>
    public static readonly byte[] Telling = [.. "{}[]\",:-0123456789eE.\\u/ \0"u8, 0x7F, 0x80, 0xC3, 0xED, 0xFF];

    public byte[] ApplyTo(byte[] file)
    {
        var reach = InHeader ? Math.Min(file.Length, 8 + 256) : file.Length;
        if (reach == 0) return file;
        var at = Place % reach;
        var until = Math.Min(at + Length, file.Length);
        return Damage switch
        {
            Damage.Flip => [.. file[..at], (byte)(file[at] ^ (1 << (Value & 7))), .. file[(at + 1)..]],
            Damage.Overwrite => [.. file[..at], Value, .. file[(at + 1)..]],
            Damage.Insert => [.. file[..at], .. Enumerable.Repeat(Value, Length), .. file[at..]],
            Damage.Remove => [.. file[..at], .. file[until..]],
            Damage.Repeat => [.. file[..until], .. file[at..]],
            _ => file[..at],
        };
    }
}

internal static class MutationGenerators
{
    public static Arbitrary<Mutation> Mutations() => Arb.From(
        from damage in Gen.Elements(Enum.GetValues<Damage>())
        from place in Gen.Choose(0, int.MaxValue)
        from inHeader in Gen.Frequency((4, Gen.Constant(true)), (1, Gen.Constant(false)))
        from value in Gen.OneOf(Gen.Elements(Mutation.Telling), Gen.Choose(0, 255).Select(v => (byte)v))
        from length in Gen.Choose(1, 9)
        select new Mutation(damage, place, inHeader, value, length));
}
