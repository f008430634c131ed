//! The plain resources as a table: path, operations, envelopes, first id, fields.
//!
//! Paths and operations are those of lightspeed-ecom.md appendix A, fields those of §5 and appendix B.
//! What has a life of its own (customers, orders, carts, products, …) is not here.

/// One resource per line, parts separated by `|`.
///
/// `{}` in a path is the id of the record it lies below. Operations are the letters of appendix A, and `K`
/// where the id of a record is that of another one. A field is `name:kind`, with `!` after a name that a
/// new record needs; `@` stands for both times, `+` for `createdAt`. The kinds are those of
/// [`super::Kind::read`].
pub(super) const TABLE: &str = "\
account/metafields|LGN|accountMetafield accountMetafields|880101|@ key:s value:s
additionalcosts|LGNUD|additionalCost additionalCosts|51201|@ title:s cost:n
attributes|LGNCUD|attribute attributes|30301|title!:s defaultValue:s types:*types/attributes?attribute
blogs|LGNCUD|blog blogs|60101|@ sortOrder:i commentable:s url:s title!:s articles:*blogs/articles?blog comments:*blogs/comments?blog tags:*blogs/tags?blog
blogs/articles|LGNCUD|blogArticle blogArticles|610201|@ publishedAt:z isPublished:b url:s title!:s author:s summary:s content:s image:x language:g blog!:>blogs comments:*blogs/comments?article tags:*blogs/articles/tags?article
blogs/articles/tags|LGNCD|blogArticleTag blogArticleTags|620301|blog:>blogs article!:>blogs/articles tag!:>blogs/tags
blogs/articles/{}/image|GCD|blogArticleImage blogArticleImages|630401|@ extension:s size:i title:s thumb:s src:s
blogs/comments|LGNCUD|blogComment blogComments|640501|@ isApproved:b from:s name:s email:s content!:s language:g blog:>blogs article!:>blogs/articles customer:>customers
blogs/tags|LGNCUD|blogTag blogTags|650601|@ url:s title!:s blog:>blogs articles:*blogs/articles/tags?tag
brands|LGNCUD|brand brands|5120011|@ isVisible:B url:s title!:s content:s image:x products:*products?brand
brands/{}/image|GCD|brandImage brandImages|5190011|@ extension:s size:i title:s thumb:s src:s
categories|LGNCUD|category categories|11830201|@ isVisible:B depth:i path:l type:s sortOrder:i sorting:s url:s title!:s fulltitle:s description:s content:s image:x parent:>categories children:*categories?parent products:*categories/products?category
categories/products|LGNCD|categoriesProduct categoriesProducts|95120301|sortOrder:i category!:>categories product!:>products
categories/{}/image|GCD|categoryImage categoryImages|11890011|@ extension:s size:i title:s thumb:s src:s
contacts|LGN|contact contacts|5512009|+ name:s company:s email:s phone:s subject:s message:s language:g
customers/{}/metafields|LGNCUD|customerMetafield customerMetafields|881101|@ key!:s value:s
deliverydates|LGNCUD|deliverydate deliverydates|96112|@ name!:s inStockMessage:s outStockMessage:s
discountrules|LGNCUD|discountRule discountRules|40201|type:s title!:s position:i maximumUses:i countUsed:i startDate:z endDate:z @ isActive:B isStop:b discountAmount:n discountType:s categories:l customer_groups:l minCategoryAmount:n minCategoryProducts:i
discounts|LGNCUD|discount discounts|771203|@ isActive:B startDate:s endDate:s type:s discount!:n applyTo:s shipment:s usageLimit:i timesUsed:i minimumAmount:n before_tax:b minimum_after:B code!:s categories:l products:l
external_services|LGNCD|externalService externalServices|3301|@ type:s name!:s urlEndpoint!:s isActive:B
files|LGNCUD|file files|471900001|@ type:s extension:s size:i title:s src:s
filters|LGNCUD|filter filters|20101|@ title!:s position:i isActive:B values:/values
filters/{}/values|LGNCUD|filterValue filterValues|210201|@ title!:s position:i
invoices/{}/metafields|LGNCUD|invoiceMetafield invoiceMetafields|882101|@ key!:s value:s
locations|LGNCUD|location locations|7101|@ title!:s street:s number:s zipcode:s city:s country:c
metafields|LGNCUD|metafield metafields|883101|@ key!:s value:s
orders/customstatuses|LGNCUD|customStatus customStatuses|85508|@ title!:s color:s
orders/{}/metafields|LGNCUD|orderMetafield orderMetafields|884101|@ key!:s value:s
paymentmethods|LGN|paymentmethod paymentmethods|64201|key:s title:s
products/{}/attributes|LGNUDK|productAttribute productAttributes|1|title:s value:s
products/{}/filtervalues|LNCD|productFiltervalue productFiltervalues|220301|filter!:>filters filtervalue!:x
products/{}/images|LGNCUD|productImage productImages|472100001|sortOrder:i @ extension:s size:i title:s thumb:s src:s
products/{}/metafields|LGNCUD|productMetafield productMetafields|885101|@ key!:s value:s
products/{}/relations|LGNCUD|productRelation productRelations|230401|sortOrder:i relatedProduct!:>products
redirects|LGNCUD|redirect redirects|410501|@ isPermanent:b url!:s target!:s
returns|LGNUD|return returns|410022|@ customerId:i orderId:i status:s numProducts:i priceExcl:q priceIncl:q isStockAdjusted:b returnReason:s returnAction:s customerComment:s staffNote:s mailMessage:s notifyStatus:b orderProducts:l
reviews|LGNCUD|review reviews|8801201|@ isVisible:b score!:i name!:s content:s customer:>customers language:g product!:>products
sets|LGNCUD|set sets|150601|@ name!:s options:l
shipments/{}/metafields|LGNCUD|shipmentMetafield shipmentMetafields|886101|@ key!:s value:s
shippingmethods|LGN|shippingmethod shippingmethods|85518|type:s isBackofficeOnly:b sortOrder:i freeAbove:n paymentPriceExcl:n paymentPriceIncl:n title:s description:s tax:>taxes countries:/countries values:/values
shippingmethods/{}/countries|LGN|shippingmethodCountry shippingmethodCountries|86001|country:c
shippingmethods/{}/values|LGN|shippingmethodValue shippingmethodValues|424529|weightMinimum:n weightMaximim:n priceExcl:n priceIncl:n
shop/metafields|LGNCUD|shopMetafield shopMetafields|887101|@ key!:s value:s
shop/scripts|LGNCUD|shopScript shopScripts|204417|@ url:z body:z location:s
shop/tracking|LGNCUD|shopTracking shopTracking|51822|@ isEnabled:B content!:s
suppliers|LGNCUD|supplier suppliers|31101|@ title!:s attention_of:s street:s street2:s number:s extension:s zip_code:s city:s region:s country_id:c
tags|LGNCUD|tag tags|1510201|@ isVisible:B url:s title!:s products:*tags/products?tag
tags/products|LGNCD|tagsProduct tagsProducts|9510301|tag!:>tags product!:>products
taxes|LGNCUD|tax taxes|1207266|isDefault:b rate!:n title!:s
taxes/{}/overrides|LGNCUD|taxOverride taxOverrides|70101|rate!:n country!:c tax:>taxes
textpages|LGNCUD|textpage textpages|901101|@ isLocked:b isVisible:B sortOrder:i url:s title!:s content:s
theme/categories|LGNCUD|themeCategory themeCategories|14101|shopId:i categoryId!:i sortOrder:i
theme/products|LGNCUD|themeProduct themeProducts|15101|productId!:i sortOrder:i
tickets|LGNCUD|ticket tickets|6610201|@ isAnswered:b isClosed:b isTodo:b subject!:s memo:s doNotifyAnswered:b language:g customer:>customers messages:/messages
tickets/{}/messages|LGNCUD|ticketMessage ticketMessages|6710201|@ from:s message!:s
types|LGNCUD|type types|160701|title!:s attributes:*types/attributes?type
types/attributes|LGNCD|typesAttribute typesAttributes|170801|sortOrder:i type!:>types attribute!:>attributes
variants/{}/image|GCD|variantImage variantImages|480100001|@ extension:s size:i title:s thumb:s src:s
variants/{}/metafields|LGNCUD|variantMetafield variantMetafields|888101|@ key!:s value:s";

/// What every shop opens with: path, id of the parent (0 for none), members.
pub(super) const FIRST_RECORDS: &str = r##"
brands|0|{"title":"Veldmuis","url":"veldmuis"}
brands|0|{"title":"Noorderlicht","url":"noorderlicht"}
brands|0|{"title":"Zus & Zo","url":"zus-zo"}
brands|0|{"title":"Kade 9","url":"kade-9"}
taxes|0|{"isDefault":true,"rate":0.21,"title":"BTW"}
taxes|0|{"rate":0.09,"title":"BTW laag"}
categories|0|{"depth":1,"type":"category","sortOrder":1,"sorting":"popular","url":"alles","title":"Alles","fulltitle":"Alles"}
deliverydates|0|{"name":"Standaard levertijd","inStockMessage":"Voor 16:00 besteld, morgen in huis","outStockMessage":"Levertijd 5 werkdagen"}
discounts|0|{"startDate":"2026-01-01","endDate":"2030-12-31","type":"percentage","discount":10,"applyTo":"all","shipment":"default","usageLimit":500,"code":"LENTE10"}
orders/customstatuses|0|{"title":"In productie","color":"#f5a623"}
paymentmethods|0|{"key":"seoshoppayments","title":"Payments"}
paymentmethods|0|{"key":"pickup","title":"Betalen bij afhalen"}
shippingmethods|0|{"type":"default","sortOrder":1,"title":"PostNL pakket","tax":1207266}
shippingmethods/{}/countries|85518|{"country":"nl"}
shippingmethods/{}/values|85518|{"weightMaximim":100000,"priceExcl":4.0909,"priceIncl":4.95}
shop/tracking|0|{"content":"<script>/* storefront tracking snippet */</script>"}
textpages|0|{"isLocked":true,"sortOrder":1,"url":"about","title":"Over ons"}
"##;
