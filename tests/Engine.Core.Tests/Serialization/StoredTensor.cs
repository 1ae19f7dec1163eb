using Edifice.Engine.Serialization;
using FsCheck;
using FsCheck.Fluent;

namespace Edifice.Engine.Tests.Serialization;

/// <summary>What a file should hold: a name, a type, a shape, and the very bytes.</summary>
public sealed record StoredTensor(string Name, DType DType, int[] Dims, int Seed)
{
    /// <summary>The elements as the file has them: any bits, but truth values are 0 or 1.</summary>
    public byte[] Bytes()
    {
        var bytes = new byte[new Shape(Dims).Count * DType.SizeOf()];
        new Random(Seed).NextBytes(bytes);
        if (DType == DType.Bool)
            foreach (ref var b in bytes.AsSpan()) b &= 1;
        return bytes;
    }

    /// <summary>The tensor itself.</summary>
    public Tensor Build() => FromBytes(DType, Dims, Bytes());

    public static Tensor FromBytes(DType dtype, int[] dims, ReadOnlySpan<byte> bytes)
    {
        var backend = Backends.BackendRegistry.For(Device.Cpu);
        var storage = backend.Allocate(bytes.Length);
        backend.Write(bytes, storage, 0);
        return new Tensor(storage, Layout.Contiguous(dims), 0, dtype);
    }

    public static byte[] BytesOf(Tensor tensor)
    {
        var bytes = new byte[tensor.Count * tensor.DType.SizeOf()];
        tensor.Backend.Read(tensor.Storage, tensor.Offset * tensor.DType.SizeOf(), bytes);
        return bytes;
    }

    public static void Write(string path, IEnumerable<StoredTensor> tensors, IEnumerable<KeyValuePair<string, string>>? metadata = null) =>
        SafetensorsFile.Write(path, tensors.Select(t => KeyValuePair.Create(t.Name, t.Build())), metadata);

    public override string ToString() => $"{Name}: {DType} [{string.Join(", ", Dims)}] from seed {Seed}";
}

/// <summary>The whole content of a file: tensors with different names.</summary>
public sealed record StoredTensors(StoredTensor[] Items)
{
    public override string ToString() => "{ " + string.Join("; ", (object[])Items) + " }";
}

internal static class StoredTensorGenerators
{
    private static readonly Gen<string> s_name = Gen.OneOf(
        Gen.Elements("weight", "layers.0.mixer.q_proj.weight", "", " ", "\"quoted\\\"", "tab\tnul\0", "Größe", "重み", "𝒳", "<script>"),
        Gen.Choose(0, 99).Select(i => $"layers.{i}.bias"));

    private static readonly Gen<StoredTensor> s_tensor =
        from name in s_name
        from dtype in Gen.Elements(Enum.GetValues<DType>())
        from shape in ShapeGenerators.OfRank(0, 5)
        from seed in Gen.Choose(0, int.MaxValue)
        select new StoredTensor(name, dtype, shape.AsSpan().ToArray(), seed);

    public static Arbitrary<StoredTensors> Contents() => Arb.From(
        from count in Gen.Choose(0, 6)
        from tensors in Gen.ArrayOf(s_tensor, count)
        select new StoredTensors([.. tensors.DistinctBy(t => t.Name)]),
        Shrink);

    private static IEnumerable<StoredTensors> Shrink(StoredTensors contents)
    {
        var items = contents.Items;
        for (var i = 0; i < items.Length; i++) yield return new([.. items[..i], .. items[(i + 1)..]]);
        for (var i = 0; i < items.Length; i++)
        {
            foreach (var smaller in ShapeGenerators.Shrink(items[i].Dims))
                yield return new([.. items[..i], items[i] with { Dims = smaller.AsSpan().ToArray() }, .. items[(i + 1)..]]);
        }
    }
}
